import shutil
from dataclasses import replace

import pytest

from models.store.repository import Repository
from training.data import load_dataset
from training.dataset import HeldOut
from training.evaluate import Metrics
from training.publish import MeasuredFile, about_serving, finish_float32, publish
from training.run import read_run


class Killed(BaseException):
    pass


@pytest.fixture
def repository(toy_run, tmp_path) -> Repository:
    """With toy:1."""
    return Repository(shutil.copytree(toy_run.parent / "repository", tmp_path / "repository"))


@pytest.mark.parametrize("stage", ["export_float32", "measure_file"])
def test_run_that_is_killed_before_it_is_measured_does_not_look_finished(tmp_path, monkeypatch, stage):
    def kill(*_, **__):
        raise Killed

    monkeypatch.setattr("training.publish.export_float32", lambda *_: None)
    monkeypatch.setattr(f"training.publish.{stage}", kill)
    with pytest.raises(Killed):
        finish_float32(None, None, None, workdir=tmp_path)
    assert not (tmp_path / "model.keras").exists()


def test_same_bytes_of_another_run_are_another_version(repository, toy_run, toy_npz, tmp_path):
    run, data = read_run(toy_run), load_dataset(toy_npz, HeldOut())
    metrics = Metrics(num_images=30, top1=1.0, top5=1.0, loss=0.0, ece=0.0)
    measured = MeasuredFile(repository.load("toy").model_path("litert"), "float32", metrics, metrics)
    for made_by, version in ((run, 1), (replace(run, run_id="another"), 2), (run, 1)):
        artifact = publish(measured, made_by, data, workdir=tmp_path, repository=repository, name="toy")
        assert artifact.manifest.version == version


def test_nothing_is_said_of_a_version_that_is_served(repository):
    assert about_serving(repository.load("toy"), repository) == []


def test_command_that_serves_a_version_can_be_typed(repository):
    first = repository.load("toy")
    repository.publish(first.manifest, {"model.tflite": first.model_path("litert")})
    root = repository.root.rename(repository.root.with_name("my models"))
    [line] = about_serving(first, Repository(root))
    assert line.endswith(f"to have it served, `python -m models promote toy:1 --repository '{root}'`")
