import shutil
from dataclasses import replace

import numpy as np
import pytest

from models.measuring.metrics import Metrics
from models.measuring.promotion import about_serving
from models.store.repository import Repository
from training.cross_validation import CrossValidation
from training.data import load_dataset
from training.dataset import HeldOut
from training.measured import Answers
from training.publish import MeasuredFile, finish_float32, publish
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
    file = repository.load("toy").model_path("litert")
    answers = Answers(
        np.eye(3, dtype=np.float32)[data.validation.targets], np.eye(3, dtype=np.float32)[data.test.targets]
    )
    measured = MeasuredFile(file, "float32", metrics, metrics, answers=answers)
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


def test_model_that_is_worse_is_published_and_not_served(repository, toy_run, toy_npz, tmp_path):
    run, data = replace(read_run(toy_run), run_id="another"), load_dataset(toy_npz, HeldOut())
    metrics = Metrics(num_images=30, top1=0.0, top5=1.0, loss=9.0, ece=1.0)
    wrong = Answers(test=np.eye(3, dtype=np.float32)[(data.test.targets + 1) % 3])
    measured = MeasuredFile(repository.load("toy").model_path("litert"), "float32", metrics, metrics, answers=wrong)
    artifact = publish(measured, run, data, workdir=tmp_path, repository=repository, name="toy")
    assert (artifact.manifest.version, repository.stable_version("toy")) == (2, 1)
    why, command = about_serving(artifact, repository)
    assert why.startswith("it is not served: 0.0 % of 30 test images (0.0 to 11.4) right, and 100.0 % by version 1")
    assert command == f"to have it served all the same, `python -m models promote toy:2 --repository {repository.root}`"


def test_cross_validation_is_in_the_manifest_beside_the_figures_of_the_file(repository, toy_run, toy_npz, tmp_path):
    run, data = read_run(toy_run), load_dataset(toy_npz, HeldOut())
    metrics = Metrics(num_images=30, top1=1.0, top5=1.0, loss=0.0, ece=0.0)
    measured = MeasuredFile(repository.load("toy").model_path("litert"), "float32", metrics, metrics)
    options = {"workdir": tmp_path, "repository": repository, "name": "other"}
    found = publish(measured, run, data, cross_validation=CrossValidation(200, 180, 5), **options).manifest.metrics
    assert found["cross_validation"]["top1"] == 0.9
    assert found["float32"]["top1"] == 1.0


def test_model_that_takes_the_place_of_another_says_so(repository, toy_run, toy_npz, tmp_path):
    run, data = replace(read_run(toy_run), run_id="another"), load_dataset(toy_npz, HeldOut())
    metrics = Metrics(num_images=30, top1=1.0, top5=1.0, loss=0.0, ece=0.0)
    right = Answers(test=np.eye(3, dtype=np.float32)[data.test.targets])
    measured = MeasuredFile(repository.load("toy").model_path("litert"), "float32", metrics, metrics, answers=right)
    artifact = publish(measured, run, data, workdir=tmp_path, repository=repository, name="toy")
    assert repository.stable_version("toy") == 2
    [line] = about_serving(artifact, repository)
    assert line.startswith("it is served from now on: 100.0 % of 30 test images (88.6 to 100.0) right, and 100.0 % by")


def test_version_that_says_less_of_the_same_bytes_is_published_again(repository, toy_run, toy_npz, tmp_path):
    run, data = read_run(toy_run), load_dataset(toy_npz, HeldOut())
    first = repository.load("toy").manifest
    artifact = repository.publish(
        replace(first, expected_answers=None), {"model.tflite": repository.load("toy").model_path("litert")}
    )
    repository = Repository(artifact.path.parent.parent.rename(tmp_path / "moved"))
    shutil.rmtree(repository.root / "toy" / "1")
    metrics = Metrics(num_images=30, top1=1.0, top5=1.0, loss=0.0, ece=0.0)
    file = tmp_path / "moved/toy/2/model.tflite"
    test = Answers(test=np.eye(3, dtype=np.float32)[data.test.targets])
    for expected, version in ((None, 2), (first.expected_answers, 3), (first.expected_answers, 3)):
        measured = MeasuredFile(file, "float32", metrics, metrics, answers=test, expected_answers=expected)
        artifact = publish(measured, run, data, workdir=tmp_path, repository=repository, name="toy")
        assert (artifact.manifest.version, artifact.manifest.expected_answers) == (version, expected)
