"""A whole run, seen from outside: what it leaves on disk, and what the same command finds there."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from models.measuring.metrics import confusion_matrix, measure
from models.runtime import load_runtime
from models.store.repository import Repository
from training.__main__ import main
from training.config import preset, replaced
from training.data import load_dataset
from training.dataset import HeldOut
from training.evaluate import predict
from training.history import read_history
from training.plots import plot_confusion, plot_curves
from training.publish import predict_file
from training.run import RunError, load_model, open_run, read_run
from training.train import train

SMOKE = preset("smoke")


def test_published_artifact_has_the_metrics_that_its_runtime_gives(toy_run, toy_npz):
    artifact = Repository(toy_run.parent / "repository").load("toy")
    data = load_dataset(toy_npz, HeldOut())
    runtime = load_runtime(artifact)
    measured = measure(predict(runtime, data.test, artifact.manifest.pixels), data.test.targets)
    runtime.close()
    figures = artifact.manifest.metrics["float32"]
    assert figures == figures | measured.to_dict()
    assert artifact.manifest.provenance["dataset"]["sha256"] == data.sha256
    assert artifact.manifest.provenance["command"] == "python -m training --data toy.npz --preset smoke"
    assert artifact.manifest.architecture["variant"] == "8"


def test_plots_are_those_of_the_history_and_of_the_published_file(toy_run, toy_npz, tmp_path):
    run, data = read_run(toy_run), load_dataset(toy_npz, HeldOut())
    probabilities = predict_file(toy_run / "float32.tflite", run, data.test)
    plot_confusion(confusion_matrix(probabilities, data.test.targets), run.labels, tmp_path / "confusion.png")
    plot_curves(read_history(toy_run), tmp_path / "curves.png")
    for name in ("curves.png", "confusion.png"):
        with Image.open(toy_run / name) as plotted, Image.open(tmp_path / name) as expected:
            np.testing.assert_array_equal(plotted, expected)


def test_run_leaves_history_metrics_and_model(toy_run):
    assert [record.epoch for record in read_history(toy_run)] == [1, 2]
    assert json.loads((toy_run / "metrics.json").read_text())["float32"]["published"] == "toy:1"
    assert list((toy_run / "tensorboard").glob("events*"))
    assert load_model(toy_run).output_shape == (None, 3)


def test_a_run_keeps_the_look_and_one_from_before_there_was_any_goes_on(toy_run, tmp_path):
    run = read_run(toy_run)
    assert run.survey["counts"]["red"]["test"] == 10
    values = json.loads((toy_run / "run.json").read_text())
    del values["survey"]
    (tmp_path / "run.json").write_text(json.dumps(values))
    assert open_run(tmp_path, run).survey is None


def test_same_command_again_publishes_nothing_new_and_says_which_version_is_served(toy_run, toy_npz, tmp_path, capsys):
    workdir = shutil.copytree(toy_run, tmp_path / "toy")
    repository = Repository(shutil.copytree(toy_run.parent / "repository", tmp_path / "repository"))
    first = repository.load("toy")
    repository.publish(first.manifest, {"model.tflite": first.model_path("litert")})
    options = ["--preset", "smoke", "--workdir", str(workdir), "--repository", str(repository.root)]
    assert main(["--data", str(toy_npz), *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    published = next(number for number, line in enumerate(lines) if line.startswith("published toy version 1: "))
    command = f"python -m models promote toy:1 --repository {repository.root}"
    served = f"it was published before, and version 2 is stable: to have it served, `{command}`"
    assert lines[published + 1] == served
    assert repository.versions("toy") == [1, 2]


def test_other_settings_in_the_same_folder_are_refused(toy_run, toy_npz):
    other = replaced(SMOKE, {"peak_lr": 0.5})
    with pytest.raises(RunError, match=r"peak_lr 0\.05 there, 0\.5 now.*use another folder"):
        train(other, toy_npz, toy_run, repository=Repository(toy_run.parent / "repository"), name="toy")


def test_a_run_goes_on_with_a_lower_learning_rate_and_keeps_the_one_that_it_left(toy_run, tmp_path):
    (tmp_path / "run.json").write_bytes((toy_run / "run.json").read_bytes())
    begun = read_run(tmp_path)
    lower = replace(begun, config=replaced(begun.config, {"peak_lr": 0.005}))
    assert open_run(tmp_path, lower).config.peak_lr == 0.005
    assert read_run(tmp_path) == replace(lower, left_peak_lrs=(0.05,))
    assert open_run(tmp_path, lower) == read_run(tmp_path)
    for changes in ({"peak_lr": 0.05}, {"peak_lr": 0.001, "momentum": 0.5}):
        with pytest.raises(RunError, match="use another folder"):
            open_run(tmp_path, replace(begun, config=replaced(lower.config, changes)))


def test_a_network_that_cannot_be_leaves_no_folder(toy_npz, tmp_path):
    with pytest.raises(ValueError, match=r"variant must be one of .*, got '19'"):
        train(
            replaced(SMOKE, {"variant": "19"}), toy_npz, tmp_path / "run", repository=Repository(tmp_path), name="toy"
        )
    assert not (tmp_path / "run").exists()


def test_a_finished_run_keeps_its_learning_rate(toy_run):
    begun = read_run(toy_run)
    with pytest.raises(RunError, match=r"peak_lr 0\.05 there, 0\.005 now.*use another folder"):
        open_run(toy_run, replace(begun, config=replaced(begun.config, {"peak_lr": 0.005})))


def test_other_photos_in_the_same_folder_are_refused(toy_run):
    with pytest.raises(RunError, match="holds a run of other photos, or some came, changed or went since"):
        open_run(toy_run, replace(read_run(toy_run), data_sha256="0" * 64))


@pytest.mark.parametrize("field", ["parent", "labels"])
def test_another_parent_or_labels_in_the_same_folder_are_refused(toy_run, field):
    other = {"parent": "toy:7", "labels": ("blue", "red", "green")}[field]
    with pytest.raises(RunError, match=f"{field} .* there, .* now.*use another folder"):
        open_run(toy_run, replace(read_run(toy_run), **{field: other}))


def test_images_held_out_are_drawn_by_the_settings(tmp_path, monkeypatch):
    def load(_path, held_out, _reading):
        assert held_out == HeldOut(test_fraction=0.3, validation_fraction=0.2, seed=5)
        raise InterruptedError

    monkeypatch.setattr("training.train.load_dataset", load)
    config = replaced(SMOKE, {"seed": 5, "test_fraction": 0.3, "validation_fraction": 0.2})
    with pytest.raises(InterruptedError):
        train(config, tmp_path, tmp_path / "run", repository=Repository(tmp_path), name="toy")


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")
def test_run_that_starts_from_another_begins_with_its_weights_and_names_it(toy_run, toy_npz, tmp_path):
    # With a learning rate of zero the weights stay what they were at the start.
    config = replaced(SMOKE, {"epochs": 1, "batch_size": 96, "peak_lr": 0.0, "average_decay": 0.0})
    repository = Repository(tmp_path / "repository")
    artifact = train(
        config, toy_npz, tmp_path / "run", repository=repository, name="toy", start_from=toy_run, command="c"
    )
    provenance = artifact.manifest.provenance
    assert provenance["parent"] == "toy:1"
    assert provenance["training_commands"] == [read_run(toy_run).command, "c"]
    kernel = load_model(toy_run).get_layer("conv1_conv").get_weights()[0]
    np.testing.assert_array_equal(load_model(tmp_path / "run").get_layer("conv1_conv").get_weights()[0], kernel)
