"""A training that is killed, interrupted or diverges, with a network that learns a step in no time."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from small_networks import small_network

from training import loop
from training.config import preset, replaced
from training.data import load_dataset
from training.dataset import HeldOut
from training.distillation import Distillation, Hint
from training.history import read_history
from training.loop import fit
from training.pixel_sets import pixel_sets
from training.step import StepResult, learning_rate

pytestmark = [
    pytest.mark.usefixtures("eager_module"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
]

# Two epochs of three steps, every one of which is saved.
CONFIG = replaced(preset("smoke"), {"image_px": 16, "checkpoint_every_s": 0.0, "small_fraction": 0.5})


class Killed(BaseException):
    pass


def fresh_model() -> keras.Model:
    keras.utils.set_random_seed(CONFIG.seed)
    return small_network(side_px=16, num_classes=3)


@pytest.fixture(scope="module")
def images(toy_npz, tmp_path_factory):
    data = load_dataset(toy_npz, HeldOut())
    return pixel_sets(data, CONFIG, tmp_path_factory.mktemp("pixels"))


@pytest.fixture(scope="module")
def uninterrupted(eager_module, images, tmp_path_factory) -> tuple[keras.Model, Path]:
    workdir = tmp_path_factory.mktemp("whole")
    return fit(fresh_model(), images, config=CONFIG, workdir=workdir), workdir


def kill_before(call: int, function: Callable[..., object]) -> Callable[..., object]:
    """The same function, which ends the training before a call of it, counted from 0."""
    num_calls = 0

    def killing(*arguments: object, **options: object) -> object:
        nonlocal num_calls
        num_calls += 1
        if num_calls == call + 1:
            raise Killed
        return function(*arguments, **options)

    return killing


@pytest.mark.parametrize(
    ("part", "method", "call", "resumed_at"),
    [
        (loop.TrainingStep, "__call__", 1, 1),
        (loop.TrainingStep, "__call__", 3, 3),
        (loop.TrainingStep, "__call__", 4, 4),
        (loop.History, "append", 0, 2),
        (loop.Checkpoints, "save", 2, 2),  # the epoch is recorded, and its last step is not saved
    ],
)
def test_killed_run_goes_on_and_ends_as_if_it_had_not_been(
    images, uninterrupted, tmp_path, monkeypatch, part, method, call, resumed_at
):
    with monkeypatch.context() as patch:
        patch.setattr(part, method, kill_before(call, getattr(part, method)))
        with pytest.raises(Killed):
            fit(fresh_model(), images, config=CONFIG, workdir=tmp_path)
    steps = []
    resumed = fit(fresh_model(), images, config=CONFIG, workdir=tmp_path, before_step=steps.append)
    assert steps == list(range(resumed_at, 6))
    whole, _ = uninterrupted
    for ours, theirs in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    assert [record.num_steps_done for record in read_history(tmp_path)] == [3, 6]


def test_run_in_a_folder_whose_name_looks_like_a_pattern_goes_on_and_removes_old_checkpoints(images, tmp_path):
    def stop(step: int) -> None:
        if step == 4:
            raise Killed

    workdir = tmp_path / "pets[v1]*?{c}"
    workdir.mkdir()
    with pytest.raises(Killed):
        fit(fresh_model(), images, config=CONFIG, workdir=workdir, before_step=stop)
    steps = []
    fit(fresh_model(), images, config=CONFIG, workdir=workdir, before_step=steps.append)
    assert steps == [4, 5]
    kept = {path.name for path in (workdir / "checkpoints" / "last").iterdir() if path.suffix == ".index"}
    assert kept == {"ckpt-5.index", "ckpt-6.index"}


def test_kill_between_the_best_checkpoint_and_the_last_leaves_the_best(images, tmp_path, monkeypatch):
    saved = []

    def save(manager: tf.train.CheckpointManager, **options: object) -> str:
        if len(saved) == 3:  # two steps and the best of the first epoch
            raise Killed
        saved.append(manager)
        return write(manager, **options)

    write = tf.train.CheckpointManager.save
    with monkeypatch.context() as patch:
        patch.setattr(tf.train.CheckpointManager, "save", save)
        with pytest.raises(Killed):
            fit(fresh_model(), images, config=CONFIG, workdir=tmp_path)
    assert (tmp_path / "checkpoints" / "best" / "ckpt-3.index").exists()
    fit(fresh_model(), images, config=CONFIG, workdir=tmp_path)
    assert list((tmp_path / "checkpoints" / "best").glob("*.index"))


def test_record_of_an_epoch_is_of_its_own_steps_alone(images, tmp_path, monkeypatch):
    losses = iter([1.0, 2.0, 3.0, 10.0, 20.0, 30.0])

    def step(_self: object, *_batch: object, lr: float, step: int) -> StepResult:
        return StepResult(tf.constant(next(losses)), tf.constant(0.5))

    monkeypatch.setattr(loop.TrainingStep, "__call__", step)
    fit(fresh_model(), images, config=CONFIG, workdir=tmp_path)
    records = read_history(tmp_path)
    assert [record.train_loss for record in records] == [2.0, 20.0]
    schedule = {"peak": CONFIG.peak_lr, "warmup_steps": round(CONFIG.warmup_fraction * 6), "total_steps": 6}
    assert [record.lr for record in records] == [learning_rate(step, **schedule) for step in (2, 5)]


def test_what_is_measured_is_the_average_that_is_returned(images, uninterrupted):
    model, workdir = uninterrupted
    loss, accuracy = loop.Validation(model, images.validation, images.validation_targets)()
    record = read_history(workdir)[-1]
    assert (record.validation_loss, record.validation_accuracy) == (pytest.approx(loss, rel=1e-4), accuracy)


def test_checkpoints_are_as_far_apart_as_they_should_be(images, tmp_path, monkeypatch):
    now_s, saved = [0.0], []
    step = lambda *_, **__: StepResult(tf.constant(1.0), tf.constant(0.5))  # noqa: E731
    monkeypatch.setattr(loop.TrainingStep, "__call__", step)
    monkeypatch.setattr(loop.Checkpoints, "save", lambda _, num_steps_done, __=None: saved.append(num_steps_done))
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    config = replaced(CONFIG, {"checkpoint_every_s": 4.0, "batch_size": 8, "epochs": 1, "small_fraction": 0.0})
    fit(fresh_model(), images, config=config, workdir=tmp_path, before_step=lambda done: now_s.__setitem__(0, done))
    assert saved == [5, 9, 12]


def test_checkpoints_have_the_names_that_older_ones_have(uninterrupted):
    _, workdir = uninterrupted
    for folder in ("last", "best"):
        checkpoint = tf.train.latest_checkpoint(workdir / "checkpoints" / folder)
        names = {name.partition("/")[0] for name, _ in tf.train.list_variables(checkpoint)}
        assert names >= {"model", "average", "optimizer", "num_steps_done", "best_accuracy"}


@pytest.mark.parametrize(("num_steps", "lines"), [(0, []), (1, ["the same command goes on from step 1 of 6"])])
def test_interrupted_training_says_where_it_goes_on(images, tmp_path, capsys, num_steps, lines):
    def interrupt(step: int) -> None:
        if step == num_steps:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(fresh_model(), images, config=CONFIG, workdir=tmp_path, before_step=interrupt)
    assert [line for line in capsys.readouterr().err.splitlines() if "goes on" in line] == lines


def test_first_steps_learn_from_small_images_with_the_teacher(images, tmp_path):
    sides = []

    class Teacher(Distillation):
        def loss(self, images: tf.Tensor, logits: tf.Tensor, features: Sequence[tf.Tensor] = ()) -> tf.Tensor:
            sides.append((images.shape[1], len(features)))
            return Distillation.loss(self, images, logits, features)

    teacher = Teacher(fresh_model(), hints=(Hint("features"),))
    fit(fresh_model(), images, config=CONFIG, workdir=tmp_path, distillation=teacher)
    assert sides == [(12, 1)] * 3 + [(16, 1)] * 3
