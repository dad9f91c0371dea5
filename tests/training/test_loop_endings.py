"""A training that ends before its last epoch: it diverges, is told to, has no time left or gets no better."""

import math
import os
import re
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from small_networks import small_network

from training import loop, schedule
from training.config import TrainingConfig, preset, replaced
from training.history import read_history
from training.loop import fit
from training.pixel_sets import PixelSets
from training.run import RunError
from training.step import StepResult
from training.stopping import Stopped, signals_as_exceptions

pytestmark = [
    pytest.mark.usefixtures("eager_module"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
]

# Five epochs of three steps; none is saved in between.
CONFIG = replaced(preset("smoke"), {"image_px": 8, "batch_size": 4, "epochs": 5, "checkpoint_every_s": 1e9})
RNG = np.random.default_rng(0)
IMAGES = PixelSets(
    RNG.integers(0, 256, (12, 8, 8, 3), np.uint8), np.arange(12) % 3,
    RNG.integers(0, 256, (6, 8, 8, 3), np.uint8), np.arange(6) % 3,
)  # fmt: skip


def trained(workdir: Path, config: TrainingConfig = CONFIG, **options: object) -> keras.Model:
    workdir.mkdir(exist_ok=True)
    return fit(small_network(side_px=8, num_classes=3), IMAGES, config=config, workdir=workdir, **options)


def script(monkeypatch: pytest.MonkeyPatch, *, losses: list[float] = [], accuracies: list[float] = []) -> None:  # noqa: B006
    """Let steps have these losses, then 1, and epochs these validation accuracies; a step adds 1 to every weight."""
    losses_left, accuracies_left = iter(losses), iter(accuracies)

    def step(state: loop.TrainingStep, *_batch: object, lr: float, step: int) -> StepResult:
        for weight in (*state.model.weights, *state.ema.weights):
            weight.assign_add(tf.ones_like(weight))
        state.num_steps_done.assign(step + 1)
        return StepResult(tf.constant(next(losses_left, 1.0)), tf.constant(0.5))

    monkeypatch.setattr(
        schedule, "Feed", lambda _, steps, **__: SimpleNamespace(resident=None, batches=((None, None) for _ in steps))
    )
    monkeypatch.setattr(loop.TrainingStep, "__call__", step)
    if accuracies:
        monkeypatch.setattr(loop.Validation, "__call__", lambda _: (1.0, next(accuracies_left)))


def last_saved(workdir: Path) -> str | None:
    path = tf.train.latest_checkpoint(workdir / "checkpoints" / "last")
    return path and Path(path).name


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e9])
def test_a_loss_that_is_no_number_is_not_saved_and_the_checkpoint_before_it_goes_on(tmp_path, monkeypatch, bad):
    script(monkeypatch, losses=[1.0] * 4 + [bad])
    line = f"the loss is {bad:g} after step 4 of 15: the checkpoint of step 3 is kept; the same command with a lower"
    with pytest.raises(RunError, match=re.escape(line)) as raised:
        trained(tmp_path)
    assert "goes on from step 3: --set peak_lr=0.005 (of optimize: --peak-lr 0.005)" in str(raised.value)
    assert last_saved(tmp_path) == "ckpt-3"
    assert [record.epoch for record in read_history(tmp_path)] == [1]
    steps: list[int] = []
    trained(tmp_path, replaced(CONFIG, {"peak_lr": 0.005}), before_step=steps.append)
    assert steps == list(range(3, 15))


def test_a_checkpoint_that_the_very_next_loss_shows_to_be_bad_is_left_for_the_one_before(tmp_path, monkeypatch):
    script(monkeypatch, losses=[1.0] * 6 + [1e9])
    with pytest.raises(RunError, match="the checkpoint of step 3 is kept"):
        trained(tmp_path)
    assert last_saved(tmp_path) == "ckpt-3"
    steps: list[int] = []
    trained(tmp_path, before_step=steps.append)
    assert steps[0] == 3


def test_where_the_only_checkpoint_is_bad_the_training_begins_again(tmp_path, monkeypatch):
    script(monkeypatch, losses=[1.0] * 3 + [math.nan])
    with pytest.raises(RunError, match="nothing good was saved before"):
        trained(tmp_path)
    assert last_saved(tmp_path) is None
    steps: list[int] = []
    trained(tmp_path, before_step=steps.append)
    assert steps[0] == 0


def test_weights_that_are_no_numbers_are_not_saved_whatever_the_loss_was(tmp_path):
    overflowing = replaced(CONFIG, {"peak_lr": 1e38, "warmup_fraction": 0.0, "weight_decay": 1e3})
    with pytest.raises(RunError, match=r"nothing good was saved before; .* begins again: --set peak_lr=0\.1 "):
        trained(tmp_path, replaced(overflowing, {"checkpoint_every_s": 0.0}))
    assert last_saved(tmp_path) is None


def test_losses_are_looked_at_every_so_many_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECK_EVERY_STEPS", 2)
    script(monkeypatch, losses=[math.nan])
    steps: list[int] = []
    with pytest.raises(RunError):
        trained(tmp_path, before_step=steps.append)
    assert steps == [0, 1]


@pytest.mark.parametrize("stop_before", [4, 6])
def test_a_signal_saves_the_step_that_was_taken_last(tmp_path, monkeypatch, capsys, stop_before):
    script(monkeypatch)

    def tell(step: int) -> None:
        if step == stop_before:
            os.kill(os.getpid(), signal.SIGTERM)

    with signals_as_exceptions(), pytest.raises(Stopped):
        trained(tmp_path, before_step=tell)
    assert f"the same command goes on from step {stop_before} of 15" in capsys.readouterr().err
    steps: list[int] = []
    trained(tmp_path, before_step=steps.append)
    assert steps == list(range(stop_before, 15))


def test_an_epoch_that_was_stopped_while_it_was_evaluated_is_evaluated_first_and_is_of_all_its_steps(
    tmp_path, monkeypatch
):
    script(monkeypatch, losses=[1.0, 2.0, 6.0])
    with monkeypatch.context() as patch:
        patch.setattr(loop.Validation, "__call__", lambda _: os.kill(os.getpid(), signal.SIGTERM))
        with signals_as_exceptions(), pytest.raises(Stopped):
            trained(tmp_path)
    assert (last_saved(tmp_path), read_history(tmp_path)) == ("ckpt-3", [])
    trained(tmp_path)
    records = read_history(tmp_path)
    assert [record.epoch for record in records] == [1, 2, 3, 4, 5]
    assert records[0].train_loss == 3.0


def test_without_a_better_validation_for_so_many_epochs_it_ends_and_stays_ended(tmp_path, monkeypatch, capsys):
    script(monkeypatch, accuracies=[0.5, 0.7, 0.7, 0.6])
    patient = replaced(CONFIG, {"patience": 2})
    trained(tmp_path, patient)
    assert [record.epoch for record in read_history(tmp_path)] == [1, 2, 3, 4]
    assert "ends with epoch 4: none since epoch 2 was better by validation" in capsys.readouterr().err
    steps: list[int] = []
    trained(tmp_path, patient, before_step=steps.append)
    assert steps == []


def test_the_best_weights_by_validation_are_returned_if_wanted_and_else_the_last(tmp_path, monkeypatch):
    script(monkeypatch, accuracies=[0.5, 0.9, 0.8, 0.7, 0.6] * 2)
    last = trained(tmp_path / "last").weights[-1].numpy()
    best = trained(tmp_path / "best", replaced(CONFIG, {"keep_best": True})).weights[-1].numpy()
    assert last[0] - best[0] == 9.0  # three epochs


def test_no_epoch_begins_that_would_end_too_late(tmp_path, monkeypatch, capsys):
    script(monkeypatch)
    now_s = [0.0]
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    trained(tmp_path, before_step=lambda done: now_s.__setitem__(0, 10.0 * (done + 1)), max_s=100)
    assert [record.epoch for record in read_history(tmp_path)] == [1, 2, 3]
    assert "the time that was given is not enough for another" in capsys.readouterr().err
