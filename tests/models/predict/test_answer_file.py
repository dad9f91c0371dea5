import errno
import os
from pathlib import Path

import pytest

from models.predict.answer_file import AnswerFile
from models.predict.run_record import OutputRefused
from models.predict.tasks import Answered

RUN = {"model": "flowers:1", "list of files": "3 files"}
HEAD = "file,label\n"


@pytest.fixture
def start(tmp_path):
    opened = []

    def start(run=RUN, **options):
        opened.append(AnswerFile(tmp_path / "a.csv", run, head=HEAD, **options))
        return opened[-1]

    yield start
    for answers in opened:
        answers.close()


def finish(answers):
    answers.append(Answered(b"1\n2\n3\n"[2 * answers.num_rows :], 3 - answers.num_rows))
    answers.finish()


def test_answers_have_their_name_when_they_are_complete(start, tmp_path):
    answers = start()
    answers.append(Answered(b"1\n2\n", 2, 1))
    answers.checkpoint()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv.part", "a.csv.run.json"]
    finish(answers)
    assert (tmp_path / "a.csv").read_text() == HEAD + "1\n2\n3\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.csv.run.json"]
    again = start()
    assert (again.is_complete, again.num_rows, again.num_errors) == (True, 3, 1)
    again.finish()
    assert (tmp_path / "a.csv").read_text() == HEAD + "1\n2\n3\n"


@pytest.mark.parametrize("unsafe", ["", "2\n3\n", "2\n3", "\0\0"])
def test_a_killed_run_goes_on_after_what_was_safe(start, tmp_path, unsafe):
    answers = start()
    answers.append(Answered(b"1\n", 1, 1))
    answers.checkpoint()
    answers.close()  # as the kernel does
    with (tmp_path / "a.csv.part").open("a") as part:
        part.write(unsafe)
    again = start()
    assert (again.num_rows, again.num_errors, again.is_complete) == (1, 1, False)
    finish(again)
    assert (tmp_path / "a.csv").read_text() == HEAD + "1\n2\n3\n"


def test_killed_between_the_last_steps_it_is_complete(start, tmp_path):
    answers = start()
    answers.append(Answered(b"1\n2\n3\n", 3))
    answers.checkpoint()
    answers.close()
    (tmp_path / "a.csv.part").rename(tmp_path / "a.csv")
    again = start()
    assert (again.is_complete, again.num_rows) == (True, 3)
    again.finish()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.csv.run.json"]
    assert '"is_complete": true' in (tmp_path / "a.csv.run.json").read_text()


def test_another_run_is_refused_unless_told_otherwise(start, tmp_path):
    finish(start())
    other = {**RUN, "model": "flowers:2"}
    with pytest.raises(OutputRefused) as refusal:
        start(other)
    assert str(refusal.value) == (
        'a.csv belongs to a run of another model, "flowers:1" where it is "flowers:2" now: '
        "give --overwrite to start anew, or another --out"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.csv.run.json"]
    answers = start(other, overwrite=True)
    assert (tmp_path / "a.csv").read_text() == HEAD + "1\n2\n3\n"  # until the new ones are complete
    answers.append(Answered(b"4\n", 1))
    answers.checkpoint()
    answers.close()
    again = start(other, overwrite=True)  # the same command goes on
    assert again.num_rows == 1
    again.finish()
    assert (tmp_path / "a.csv").read_text() == HEAD + "4\n"
    assert start(other, overwrite=True).num_rows == 0


def test_a_file_that_is_no_run_of_ours_is_refused(start, tmp_path):
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(OutputRefused, match=r"^a\.csv is there, and not of this command: give --overwrite"):
        start()
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    finish(start(overwrite=True))


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"run": 1}'])
def test_a_broken_record_is_refused(start, tmp_path, record):
    (tmp_path / "a.csv.run.json").write_text(record)
    with pytest.raises(OutputRefused, match=r"^a\.csv\.run\.json is broken: give --overwrite"):
        start()
    finish(start(overwrite=True))


def test_rows_that_were_lost_are_missed(start, tmp_path):
    answers = start()
    answers.append(Answered(b"1\n", 1))
    answers.checkpoint()
    answers.close()
    (tmp_path / "a.csv.part").write_text("file")
    with pytest.raises(OutputRefused, match=r"^a\.csv\.part has lost rows"):
        start()


def test_two_runs_cannot_write_at_once(start):
    start()
    with pytest.raises(OutputRefused, match=r"^another run writes a\.csv\.part: wait for it"):
        start()


def test_a_full_disk_costs_only_what_was_not_counted(start, tmp_path, monkeypatch):
    answers = start()
    answers.append(Answered(b"1\n", 1))
    answers.checkpoint()

    def full(file, data):
        written(file, bytes(data[:1]))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    written = os.write
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left on device"):
        answers.append(Answered(b"2\n", 1))
    with pytest.raises(OSError, match="No space left on device"):
        answers.checkpoint()
    monkeypatch.undo()
    answers.close()
    finish(start())
    assert (tmp_path / "a.csv").read_text() == HEAD + "1\n2\n3\n"


def test_another_kind_of_file_is_made_of_the_rows(start, tmp_path):
    def publish(rows: Path, path: Path) -> None:
        path.write_text(rows.read_text().upper())

    finish(start(publish=publish))
    assert (tmp_path / "a.csv").read_text() == "FILE,LABEL\n1\n2\n3\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.csv.run.json"]
