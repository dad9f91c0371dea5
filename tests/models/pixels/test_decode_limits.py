import signal

import pytest

from models.errors import CorruptImage, ImageTooLarge
from models.pixels.decode_limits import error_of_end, limited_cpu, max_cpu_s
from models.pixels.formats.encoded import Cost


def test_a_limit_within_another_leaves_that_in_place():
    with limited_cpu(50.0):
        with limited_cpu(9.0):
            assert 8.0 < signal.getitimer(signal.ITIMER_PROF)[0] <= 9.1
        assert 40.0 < signal.getitimer(signal.ITIMER_PROF)[0] <= 50.1
    assert signal.getitimer(signal.ITIMER_PROF)[0] == 0


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (-signal.SIGPROF, ImageTooLarge, "the PNG image takes more than 6 s to decode, as its header did not say"),
        (-signal.SIGSEGV, CorruptImage, "the PNG image is corrupt: it broke the decoder"),
        (1, CorruptImage, "the PNG image is corrupt: it broke the decoder"),
    ],
)
def test_the_end_of_a_process_says_what_the_image_did(status, kind, message):
    error = error_of_end(status, "PNG", max_cpu_s(Cost(1.0, 0)))
    assert (type(error), str(error)) == (kind, message)
