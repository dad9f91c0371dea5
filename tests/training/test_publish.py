import shutil

import pytest

from models.store.repository import Repository
from training.publish import about_serving, finish_float32


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


def test_nothing_is_said_of_a_version_that_is_served(repository):
    assert about_serving(repository.load("toy"), repository) == []


def test_command_that_serves_a_version_can_be_typed(repository):
    first = repository.load("toy")
    repository.publish(first.manifest, {"model.tflite": first.model_path("litert")})
    root = repository.root.rename(repository.root.with_name("my models"))
    [line] = about_serving(first, Repository(root))
    assert line.endswith(f"to have it served, `python -m models promote toy:1 --repository '{root}'`")
