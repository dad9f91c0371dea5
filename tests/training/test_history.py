import json
from dataclasses import asdict
from pathlib import Path

import pytest

from training.history import EpochRecord, History, read_history


class Killed(BaseException):
    pass


def record(epoch: int) -> EpochRecord:
    return EpochRecord(
        epoch=epoch,
        num_steps_done=3 * epoch,
        lr=0.1,
        train_loss=1.0,
        train_accuracy=0.5,
        validation_loss=1.0,
        validation_accuracy=0.5,
        images_per_s=100.0,
    )


@pytest.fixture
def workdir(tmp_path) -> Path:
    """With records of three epochs, of which the last was cut short."""
    history = History(tmp_path, num_steps_done=0)
    for epoch in (1, 2, 3):
        history.append(record(epoch))
    whole = (tmp_path / "history.jsonl").read_text()
    (tmp_path / "history.jsonl").write_text(whole[:-5])
    return tmp_path


def test_line_that_was_cut_short_is_no_record(workdir):
    assert read_history(workdir) == [record(1), record(2)]


def test_run_that_resumes_drops_the_records_of_steps_that_it_takes_again(workdir):
    history = History(workdir, num_steps_done=3)
    assert history.records == read_history(workdir) == [record(1)]
    history.append(record(2))
    assert read_history(workdir) == [record(1), record(2)]


def test_run_that_is_killed_while_it_resumes_loses_no_record(workdir, monkeypatch):
    def kill(self, target):
        raise Killed

    monkeypatch.setattr(Path, "replace", kill)
    with pytest.raises(Killed):
        History(workdir, num_steps_done=6)
    assert read_history(workdir) == [record(1), record(2)]


def test_the_history_of_runs_before_there_were_three_sets_can_be_read(tmp_path):
    line = json.dumps(asdict(record(1))).replace("validation_", "test_")
    (tmp_path / "history.jsonl").write_text(line + "\n")
    assert read_history(tmp_path) == [record(1)]
