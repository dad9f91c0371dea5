"""A run's folder is lost, and made again from what it had published."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from models.errors import FormatMissing
from models.network.tflite_graph import temperature_of
from models.store.repository import Repository
from optimize.for_device import add_file
from optimize.source import open_source
from training.data import load_dataset
from training.restore import main
from training.restored import restore
from training.run import RunError, load_model, read_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def repository(toy_run, tmp_path_factory):
    """With toy:2, which has a SavedModel beside the file of toy:1."""
    root = shutil.copytree(toy_run.parent / "repository", tmp_path_factory.mktemp("published") / "pets[v1]*?{c}")
    repository = Repository(root)
    add_file(repository.load("toy", 1), "gpu", toy_run, repository=repository, max_accuracy_drop=100)
    return repository


@pytest.fixture(scope="module")
def artifact(repository):
    return repository.load("toy", 2)


@pytest.fixture(scope="module")
def workdir(artifact, toy_npz, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "restored"
    restore(artifact, toy_npz, workdir, command="r")
    return workdir


@pytest.fixture
def quick_export(workdir, monkeypatch):
    """An export that takes no time: the network is that of `workdir`, which has the file."""
    monkeypatch.setattr(
        "training.publish.export_float32", lambda _, file: shutil.copy(workdir / "float32.tflite", file)
    )


def test_weights_are_those_that_were_trained_as_rounded_as_the_savedmodel_has_them(workdir, toy_run):
    before, after = load_model(toy_run), load_model(workdir)
    assert [layer.name for layer in after.layers] == [layer.name for layer in before.layers]
    for layer, restored in zip(before.layers, after.layers, strict=True):
        is_rounded = layer.name.endswith("_conv")
        for expected, found in zip(layer.get_weights(), restored.get_weights(), strict=True):
            np.testing.assert_array_equal(found, expected.astype(np.float16 if is_rounded else np.float32))


def test_record_is_that_of_the_run_and_says_where_it_comes_from(workdir, toy_run, toy_npz):
    before, after = read_run(toy_run), read_run(workdir)
    assert (after.run_id, after.config, after.labels) == (before.run_id, before.config, before.labels)
    assert (after.parent, after.data) == ("toy:2", str(toy_npz))
    assert after.commands == ("python -m training --data toy.npz --preset smoke", "r")


def test_what_trains_on_starts_from_it(workdir, artifact):
    source = open_source(workdir, None)
    assert source.published == "toy:2"
    assert source.dense.metrics.top1 == pytest.approx(artifact.manifest.metrics["float16"]["top1"], abs=0.05)


def test_model_that_learned_from_all_images_is_calibrated_by_part_of_the_test_images(artifact, toy_npz, tmp_path):
    manifest = artifact.manifest
    provenance = {**manifest.provenance, "config": {**manifest.provenance["config"], "validation_fraction": 0.0}}
    without_validation = replace(artifact, manifest=replace(manifest, provenance=provenance))
    found = restore(without_validation, toy_npz, tmp_path / "w", validation_from_test=0.5)
    run = read_run(tmp_path / "w")
    data = load_dataset(toy_npz, run.config.held_out)
    assert (found.calibration.num_images, found.metrics.num_images) == (len(data.validation), len(data.test))
    assert temperature_of((tmp_path / "w" / "float32.tflite").read_bytes()) == found.calibration.temperature != 1
    with pytest.raises(RunError, match="toy:2 had validation images"):
        restore(artifact, toy_npz, tmp_path / "x", validation_from_test=0.5)


def test_a_folder_with_a_run_is_left_as_it_is(artifact, toy_npz, toy_run):
    with pytest.raises(RunError, match="holds a run already"):
        restore(artifact, toy_npz, toy_run)


@pytest.mark.parametrize("stage", ["save_model", "export_float32"])
def test_what_was_interrupted_can_be_repeated(quick_export, artifact, toy_npz, tmp_path, monkeypatch, stage):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"training.publish.{stage}", interrupt)
        with pytest.raises(KeyboardInterrupt):
            restore(artifact, toy_npz, tmp_path)
    assert not (tmp_path / "model.keras").exists()
    restore(artifact, toy_npz, tmp_path)
    assert open_source(tmp_path, None).published == "toy:2"


def test_another_run_of_that_name_is_left_as_it_is(artifact, workdir, toy_npz):
    from dataclasses import replace

    provenance = {**artifact.manifest.provenance, "run": "0123"}
    other = replace(artifact, manifest=replace(artifact.manifest, provenance=provenance))
    with pytest.raises(RunError, match="holds a run already"):
        restore(other, toy_npz, workdir)


def test_other_data_is_refused_and_nothing_is_made(artifact, tmp_path):
    from toy_data import write_npz

    other = write_npz(tmp_path / "other.npz", num_train=6, num_test=3)
    with pytest.raises(RunError, match=r"other is not the data that toy:2 was trained on: its sha256 differs"):
        restore(artifact, other, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_artifact_for_cpus_alone_is_refused(repository, toy_npz, tmp_path):
    with pytest.raises(FormatMissing, match="has no file for the engine 'tensorflow'"):
        restore(repository.load("toy", 1), toy_npz, tmp_path / "run")


def test_a_manifest_that_tells_of_no_training_is_refused(artifact, toy_npz, tmp_path):
    from dataclasses import replace

    untold = replace(artifact, manifest=replace(artifact.manifest, provenance={"command": "by hand"}))
    with pytest.raises(RunError, match="the manifest of toy:2 does not tell how it was trained"):
        restore(untold, toy_npz, tmp_path / "run")


def test_command_says_what_came_of_it(quick_export, repository, toy_npz, tmp_path, capsys):
    place = ["--repository", str(repository.root), "--data", str(toy_npz), "--workdir", str(tmp_path / "run")]
    assert main(["toy:2", *place]) == 0
    assert capsys.readouterr().out.startswith(f"restored to {tmp_path / 'run'}: ")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["command"].startswith(
        "python -m training.restore toy:2"
    )
    assert main(["toy:2", *place]) == 0


def test_a_version_that_is_not_there_is_told_before_anything_is_read(repository, tmp_path, capsys):
    place = ["--repository", str(repository.root), "--data", "missing.npz", "--workdir", str(tmp_path / "run")]
    assert main(["toy:9", *place]) == 2
    assert "model 'toy' has no version 9; it has 1, 2" in capsys.readouterr().err
