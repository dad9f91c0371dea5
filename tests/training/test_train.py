"""A whole run, seen from outside: what it leaves on disk, and that it goes on where it was killed."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from PIL import Image

from models.runtime import load_runtime
from models.store.repository import Repository
from training.__main__ import main
from training.config import preset, replaced
from training.data import load_dataset
from training.distillation import Distillation, Hint
from training.evaluate import measure, predict
from training.history import read_history
from training.loop import fit
from training.publish import finish_float32
from training.run import RunError, load_model
from training.train import pixel_sets, train

SMOKE = preset("smoke")


class Killed(BaseException):
    pass


def fresh_model() -> keras.Model:
    from models.network.resnet_v2 import build
    from training.architecture import architecture_of

    keras.utils.set_random_seed(SMOKE.seed)
    return build(architecture_of(SMOKE, num_classes=3))


def test_published_artifact_has_the_metrics_that_its_runtime_gives(toy_run, toy_npz):
    artifact = Repository(toy_run.parent / "repository").load("toy")
    data = load_dataset(toy_npz, test_fraction=0.1, seed=0)
    runtime = load_runtime(artifact)
    measured = measure(predict(runtime, data.test, artifact.manifest.pixels), data.test.targets)
    runtime.close()
    assert artifact.manifest.metrics == {"float32": measured.to_dict()}
    assert artifact.manifest.provenance["dataset"]["sha256"] == data.sha256
    assert artifact.manifest.provenance["command"] == "python -m training --data toy.npz --preset smoke"
    assert artifact.manifest.architecture["variant"] == "8"


def test_run_leaves_curves_confusion_history_and_model(toy_run):
    for name in ("curves.png", "confusion.png"):
        with Image.open(toy_run / name) as image:
            assert image.format == "PNG"
    assert [record.epoch for record in read_history(toy_run)] == [1, 2]
    assert json.loads((toy_run / "metrics.json").read_text())["float32"]["published"] == "toy:1"
    assert list((toy_run / "tensorboard").glob("events*"))
    assert load_model(toy_run).output_shape == (None, 3)


def test_run_that_is_killed_while_it_is_measured_does_not_look_finished(tmp_path, monkeypatch):
    def kill(*_, **__):
        raise Killed

    monkeypatch.setattr("training.publish.measure_file", kill)
    with pytest.raises(Killed):
        finish_float32(fresh_model(), None, None, workdir=tmp_path)
    assert not (tmp_path / "model.keras").exists()


def test_same_command_again_publishes_nothing_new(toy_run, toy_npz):
    repository = Repository(toy_run.parent / "repository")
    artifact = train(SMOKE, toy_npz, toy_run, repository=repository, name="toy")
    assert artifact.manifest.version == 1
    assert repository.versions("toy") == [1]


def test_same_command_again_says_which_version_is_served(toy_run, toy_npz, tmp_path, capsys):
    workdir = shutil.copytree(toy_run, tmp_path / "toy")
    repository = Repository(shutil.copytree(toy_run.parent / "repository", tmp_path / "repository"))
    first = repository.load("toy")
    repository.publish(first.manifest, {"model.tflite": first.model_path("litert")})
    options = ["--preset", "smoke", "--workdir", str(workdir), "--repository", str(repository.root)]
    assert main(["--data", str(toy_npz), *options]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    command = f"python -m models promote toy:1 --repository {repository.root}"
    assert line == f"it was published before, and version 2 is stable: to have it served, `{command}`"


def test_other_settings_in_the_same_folder_are_refused(toy_run, toy_npz):
    other = replaced(SMOKE, {"peak_lr": 0.5})
    with pytest.raises(RunError, match=r"peak_lr 0\.05 there, 0\.5 now.*use another folder"):
        train(other, toy_npz, toy_run, repository=Repository(toy_run.parent / "repository"), name="toy")


RESUMABLE = replaced(SMOKE, {"checkpoint_every_s": 0.0, "small_fraction": 0.5})


@pytest.fixture(scope="module")
def images(toy_npz, tmp_path_factory):
    data = load_dataset(toy_npz, test_fraction=0.1, seed=0)
    return pixel_sets(data, RESUMABLE, tmp_path_factory.mktemp("pixels"))


@pytest.fixture(scope="module")
def uninterrupted_weights(images, tmp_path_factory):
    return fit(fresh_model(), images, config=RESUMABLE, workdir=tmp_path_factory.mktemp("whole")).get_weights()


@pytest.mark.slow
@pytest.mark.parametrize("killed_at", [1, 3, 4])
def test_killed_run_goes_on_and_ends_as_if_it_had_not_been(images, uninterrupted_weights, tmp_path: Path, killed_at):
    def kill(step: int) -> None:
        if step == killed_at:
            raise Killed

    with pytest.raises(Killed):
        fit(fresh_model(), images, config=RESUMABLE, workdir=tmp_path, before_step=kill)
    steps = []
    resumed = fit(fresh_model(), images, config=RESUMABLE, workdir=tmp_path, before_step=steps.append)
    assert steps == list(range(killed_at, 6))
    for ours, theirs in zip(resumed.get_weights(), uninterrupted_weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    assert [record.num_steps_done for record in read_history(tmp_path)] == [3, 6]


@pytest.mark.parametrize(("num_steps", "said"), [(0, []), (1, ["the same command goes on from step 1 of 6"])])
def test_interrupted_training_says_where_it_goes_on(images, tmp_path: Path, capsys, num_steps, said):
    def interrupt(step: int) -> None:
        if step == num_steps:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(fresh_model(), images, config=RESUMABLE, workdir=tmp_path, before_step=interrupt)
    assert [line for line in capsys.readouterr().err.splitlines() if "goes on" in line] == said


def test_a_training_that_diverges_ends_with_its_first_epoch(images, tmp_path: Path):
    steps = []
    diverging = replaced(SMOKE, {"peak_lr": 1e12})
    with pytest.raises(RunError, match="the loss is nan after epoch 1: choose a lower peak_lr and another folder"):
        fit(fresh_model(), images, config=diverging, workdir=tmp_path, before_step=steps.append)
    assert steps == [0, 1, 2]
    assert read_history(tmp_path) == []


def test_first_steps_learn_from_small_images_with_the_teacher(images, tmp_path: Path):
    sides = []

    class Teacher(Distillation):
        def loss(self, images: tf.Tensor, logits: tf.Tensor, features: Sequence[tf.Tensor] = ()) -> tf.Tensor:
            sides.append(images.shape[1])  # once for each shape that the step is traced for
            return Distillation.loss(self, images, logits, features)

    teacher = Teacher(fresh_model(), hints=(Hint("conv2_block1_out"),))
    fit(fresh_model(), images, config=RESUMABLE, workdir=tmp_path, distillation=teacher)
    assert sides == [24, 32]
