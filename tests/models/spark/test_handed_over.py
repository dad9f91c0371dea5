import os

from models.spark import handed_over as module
from models.spark.handed_over import MAX_PICTURES, HandedOver


def test_a_forked_process_reads_what_was_handed_over_after_the_fork():
    handed_over = HandedOver()
    (ready, go), (answer, reply) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.read(ready, 1)
        os.write(reply, handed_over.read_some(1, 100) + handed_over.read_some(2, 100))
        os._exit(0)
    handed_over.hand_over([b"", b"first ", memoryview(b"second")])
    os.write(go, b"x")
    assert os.read(answer, 100) == b"first second"
    assert os.waitpid(child, 0)[1] == 0
    for each in (ready, go, answer, reply):
        os.close(each)
    handed_over.close()


def test_the_next_batch_takes_the_place_of_the_last():
    handed_over = HandedOver()
    handed_over.hand_over([b"a long one", b"b"])
    handed_over.hand_over([b"c", b"", b"de"])
    assert [handed_over.read_some(number, 100) for number in range(3)] == [b"c", b"", b"de"]
    assert handed_over.read_some(2, 1) == b"d"
    handed_over.close()


def test_a_batch_may_be_full_and_large_ones_leave_nothing_behind(monkeypatch):
    monkeypatch.setattr(module, "_KEPT_BYTES", 4096)
    handed_over = HandedOver()
    handed_over.hand_over([b"x" * 100] * MAX_PICTURES)
    assert handed_over.read_some(MAX_PICTURES - 1, 1000) == b"x" * 100
    handed_over.hand_over([b"y"])
    assert os.fstat(handed_over._file).st_size == 4096
    assert handed_over.read_some(0, 1000) == b"y"
    handed_over.close()


def test_a_path_that_was_handed_over_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"what is there")
    handed_over = HandedOver()
    handed_over.hand_over([os.fsencode(tmp_path / "a")])
    assert (handed_over.read_file(0, 4), handed_over.read_file(0, 100)) == (b"what", b"what is there")
    handed_over.close()
