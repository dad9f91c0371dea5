from types import SimpleNamespace

import pytest
from toy_data import write_npz

from training.config import preset
from training.data import load_dataset
from training.run import RunError
from training.run_data import load_data_of


def run_on(path):
    config = preset("smoke")
    sha256 = load_dataset(path, config.held_out).sha256
    return SimpleNamespace(config=config, data=str(path), old_path=None, data_sha256=sha256)


def test_data_of_a_run_may_have_moved(tmp_path):
    write_npz(tmp_path / "toy.npz")
    run = run_on(tmp_path / "toy.npz")
    moved = (tmp_path / "toy.npz").rename(tmp_path / "moved.npz")
    assert load_data_of(run, tmp_path / "run", moved).sha256 == run.data_sha256


def test_other_data_than_a_run_was_trained_on_is_refused(tmp_path):
    write_npz(tmp_path / "toy.npz")
    run = run_on(tmp_path / "toy.npz")
    run.data_sha256 = "0"
    with pytest.raises(RunError, match=r"toy\S* is not the data that .*run was trained on: its sha256 differs$"):
        load_data_of(run, tmp_path / "run")
