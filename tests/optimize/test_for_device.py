import shutil
from dataclasses import replace

import numpy as np
import pytest

from models.report import accuracy
from models.runtime import load_runtime
from models.store import routing
from models.store.repository import Repository
from optimize.__main__ import main
from optimize.agreement import compare_predictions
from optimize.for_device import add_file
from optimize.gate import AccuracyDropTooLarge
from training.run import RunError, read_run


@pytest.fixture
def workdir(toy_run, tmp_path):
    """toy:1 is the run's float32 file."""
    shutil.copytree(toy_run.parent / "repository", tmp_path / "repository")
    return shutil.copytree(toy_run, tmp_path / "toy")


@pytest.fixture
def repository(workdir):
    return Repository(workdir.parent / "repository")


@pytest.fixture
def stub_saved_model(replace_function):
    """Have a SavedModel be an empty file that answers at random, for tests of what is published and what is not."""

    def export_saved_model(_, path, __, *, temperature=1.0):
        path.mkdir()
        (path / "saved_model.pb").touch()

    def predict_saved_model(_, split, __, *, num_classes):
        return np.random.default_rng(0).dirichlet(np.ones(num_classes), len(split)).astype(np.float32)

    replace_function("optimize.for_device.export_saved_model", export_saved_model)
    replace_function("optimize.for_device.predict_saved_model", predict_saved_model)


def test_a_new_version_has_the_files_of_both_devices(workdir, repository):
    before = repository.load("toy", 1)
    expected = before.manifest.expected_answers
    before = replace(before, manifest=replace(before.manifest, expected_answers=None))  # as of versions before
    added = add_file(before, "gpu", workdir, repository=repository, max_accuracy_drop=100, command="c")
    after = repository.load("toy")
    assert after.manifest.version == 2
    assert {name: file.precision for name, file in after.manifest.formats.items()} == {
        "litert": "float32",
        "tensorflow": "float16",
    }
    assert after.manifest.files["model.tflite"] == before.manifest.files["model.tflite"]
    assert after.manifest.metrics["float32"] == before.manifest.metrics["float32"]
    assert sum(after.manifest.expected_answers.classes) == sum(expected.classes)
    figures = after.manifest.metrics["float16"]
    assert figures["top1"] == round(added.agreement.after.top1, 6)
    assert figures["ece"] == round(added.agreement.after.ece, 6)
    assert accuracy(after.manifest) is not None
    [record] = after.manifest.provenance["added"]
    assert record["run"] == after.manifest.provenance["run"] == before.manifest.provenance["run"]
    assert (record["for"], record["to"], record["command"]) == ("gpu", "toy:1", "c")
    assert "published toy version 2 with litert (float32) and tensorflow (float16), stable" in str(added)
    assert added.agreement.labels >= 0.9
    runtime = load_runtime(after, runtime="tensorflow")
    assert runtime.run(np.zeros((1, 32, 32, 3), np.uint8)).shape == (1, 3)
    runtime.close()


def test_a_version_that_is_not_stable_stays_so(workdir, repository, stub_saved_model, monkeypatch):
    first = repository.load("toy", 1)
    repository.publish(first.manifest, {"model.tflite": first.path / "model.tflite"})
    made_stable = []

    def set_stable(folder, version):
        made_stable.append(version)
        routing.set_stable(folder, version)

    monkeypatch.setattr("models.store.repository.set_stable", set_stable)
    added = add_file(first, "gpu", workdir, repository=repository, max_accuracy_drop=100)
    assert (added.artifact.manifest.version, added.is_stable) == (3, False)
    assert 3 not in made_stable
    assert repository.stable_version("toy") == 2


def test_file_that_is_there_is_not_made_again(workdir, repository):
    with pytest.raises(ValueError, match="toy:1 has a file for the cpu already, float32"):
        add_file(repository.load("toy", 1), "cpu", workdir, repository=repository)


def test_version_that_was_imported_is_refused_with_what_to_do(workdir, repository):
    toy = repository.load("toy", 1)
    imported = replace(toy, manifest=replace(toy.manifest, provenance={"imported": {}}))
    with pytest.raises(RunError, match="toy:1 was imported, and only a network that was trained here"):
        add_file(imported, "gpu", workdir, repository=repository)


def test_version_in_the_place_of_a_run_is_told_apart(repository):
    with pytest.raises(RunError, match=r"holds no training run: it is a version, .* what was imported has none"):
        read_run(repository.load("toy", 1).path)


def test_another_run_is_refused(workdir, repository):
    text = (workdir / "run.json").read_text()
    run_id = repository.load("toy", 1).manifest.provenance["run"]
    (workdir / "run.json").write_text(text.replace(run_id, "another"))
    with pytest.raises(RunError, match=f"was made by the run {run_id}, but .* holds the run another"):
        add_file(repository.load("toy", 1), "gpu", workdir, repository=repository)
    assert repository.versions("toy") == [1]


def test_file_that_is_worse_is_not_published(workdir, repository, stub_saved_model):
    with pytest.raises(AccuracyDropTooLarge):
        add_file(repository.load("toy", 1), "gpu", workdir, repository=repository, max_accuracy_drop=-200)
    assert repository.versions("toy") == [1]


def test_answers_are_compared_by_label_and_accuracy():
    targets = np.array([0, 1, 1, 0])
    before = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]], np.float32)
    after = np.array([[0.8, 0.2], [0.1, 0.9], [0.6, 0.4], [0.2, 0.8]], np.float32)
    agreement = compare_predictions(before, after, targets)
    assert (agreement.labels, agreement.before.top1, agreement.after.top1) == (0.75, 0.75, 0.5)


@pytest.mark.slow
def test_command_adds_an_int8_file_where_there_is_only_one_for_the_gpu(workdir, repository, stub_saved_model, capfd):
    options = ["--workdir", str(workdir), "--repository", str(repository.root), "--max-accuracy-drop", "100"]
    assert main(["export", "--for", "gpu", "toy:1", *options]) == 0
    both = repository.load("toy", 2)
    only = {"tensorflow": both.manifest.formats["tensorflow"]}
    manifest = both.manifest.__class__(**{**vars(both.manifest), "name": "only", "formats": only, "files": {}})
    repository.publish(manifest, {"saved_model": both.path / "saved_model"})
    assert main(["export", "--for", "cpu", "only:1", *options]) == 0
    assert repository.load("only", 2).manifest.formats["litert"].precision == "int8"
    assert "published only version 2 with litert (int8) and tensorflow (float16)" in capfd.readouterr().out
