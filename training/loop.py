"""Train a Keras model: take steps, evaluate after each epoch, save checkpoints, resume where a killed run stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras as keras

from models.plain_path import plain_path
from training.checkpoints import Checkpoints
from training.config import TrainingConfig
from training.distillation import CopiedFeatures, Distillation
from training.distributed.workers import ALONE, Workers
from training.feed import Feed, steps_per_call
from training.history import EpochRecord, History
from training.pixel_sets import PixelSets
from training.progress import Progress
from training.results import EpochResults
from training.run import RunError
from training.schedule import Schedule
from training.step import TrainingStep, Validation

CHECK_EVERY_STEPS = 100  # of the losses, which is to wait for the GPU
LR_DIVISOR = 10  # of a training that has diverged
MAX_LOWERED_LR = 0.1  # the highest of the presets: from far beyond, ten by ten would be many attempts


def fit(
    model: keras.Model,
    images: PixelSets,
    *,
    config: TrainingConfig,
    workdir: Path,
    before_step: Callable[[int], None] | None = None,
    distillation: Distillation | None = None,
    copied: CopiedFeatures | None = None,
    also_saved: Mapping[str, Any] | None = None,
    max_s: float = math.inf,
    workers: Workers = ALONE,
) -> keras.Model:
    """Train `model`, going on from the last checkpoint in `workdir`, to the last epoch or to where it ends early.

    Args:
        model: from normalized pixels to logits; its weights are changed.
        images: what to learn from and what to choose by.
        config: the settings of the training.
        workdir: takes `checkpoints/`, `history.jsonl` and `tensorboard/`.
        before_step: called with the number of steps done; there is a call to TensorFlow for every step then.
        distillation: a teacher to learn from beside the labels.
        copied: outputs of the model that are no logits.
        also_saved: what else changes with the steps, by name; TensorFlow's variables, alone or in lists.
        max_s: no epoch is begun that would end later than so many seconds from now.
        workers: who takes the steps; this is the chief of them, and the model was made in their scope.

    Returns:
        The model with the exponential moving average (EMA) of the weights, the last or, where `config.keep_best` says
        so, the best by validation.

    Raises:
        RunError: the loss is no number any more; what was saved before is left.
        WorkerLost: another machine has ended; what was saved before is left.
    """
    with plain_path(workdir) as folder:
        trainer = Trainer(model, images, config, folder, distillation, copied, also_saved or {}, workers)
        trainer.run(before_step, max_s)
    return trainer.state.ema


class Trainer:
    """Trains a model from its last checkpoint to its last step.

    It holds the position: which steps are left, and when it saved last. The rest of a training is held by

    - `Schedule`: what is done at which step;
    - `TrainingStep`: the weights, their moving average (EMA), and the optimizer's velocity;
    - `EpochResults`: losses and accuracies since the last epoch;
    - `Checkpoints`: all of these on disk, with the number of steps done;
    - `History`: the records of the epochs, in memory and on disk;
    - `Validation`: the validation images;
    - `Progress`: the clock, and the line on the terminal.

    Attributes:
        state: the weights.
    """

    def __init__(
        self,
        model: keras.Model,
        images: PixelSets,
        config: TrainingConfig,
        workdir: Path,
        distillation: Distillation | None,
        copied: CopiedFeatures | None,
        also_saved: Mapping[str, Any],
        workers: Workers,
    ) -> None:
        self._images, self._config, self._workers = images, config, workers
        self._schedule = Schedule(config, images, model.output_shape[-1], workers)
        with workers.scope():
            self.state = TrainingStep.of(model, config, distillation, copied, workers)
        self._results = EpochResults(may_overflow=config.precision == "mixed_float16")
        self._checkpoints = Checkpoints(workdir, self.state, {**also_saved, "epoch_sums": self._results.sums})
        num_steps = self._schedule.num_steps
        self._steps = range(self._checkpoints.restore(), num_steps)
        self.state.hand_out()
        self._history = History(workdir, num_steps_done=self._steps.start)
        self._progress = Progress(num_steps=num_steps, batch_size=self._schedule.batch_size, work=self._schedule.work)
        if self._steps.start:
            self._progress.say(f"going on from step {self._steps.start} of {num_steps}")
        self._validation = Validation(self.state.ema, images.validation, images.validation_targets, copied)
        self._num_steps_saved = self._steps.start
        self._begun_s = self._saved_s = time.monotonic()

    def run(self, before_step: Callable[[int], None] | None, max_s: float) -> None:
        """Take the steps that are left, and before each call `before_step` with the number of steps done.

        Raises:
            RunError: the loss is no number any more; what was saved before is left.
        """
        try:
            self._take_steps(before_step, max_s)
        except KeyboardInterrupt:
            num_steps_done = int(self.state.num_steps_done.numpy())
            if num_steps_done > self._num_steps_saved and self.state.is_whole:
                self._save(num_steps_done)
            if self._num_steps_saved:
                self._progress.say(f"the same command goes on from step {self._num_steps_saved} of {self._steps.stop}")
            raise
        if self._config.keep_best:
            self._checkpoints.restore_best()

    def _take_steps(self, before_step: Callable[[int], None] | None, max_s: float) -> None:
        per_epoch = self._schedule.steps_per_epoch
        is_epoch_end = self._steps.start and self._steps.start % per_epoch == 0
        num_recorded = max((record.num_steps_done for record in self._history.records), default=0)
        if is_epoch_end and num_recorded < self._steps.start:  # it was told to end while it evaluated
            self._end_epoch(self._steps.start)
        epoch_begun_s = self._begun_s
        for feed, steps in self._schedule.calls(self._steps.start, at_once=1 if before_step else steps_per_call()):
            if steps.start % per_epoch == 0:
                now_s = time.monotonic()
                ends = self._ends_early(now_s - self._begun_s + now_s - epoch_begun_s > max_s)
                self._workers.told_by_chief([np.array(ends)])
                if ends:
                    return
                epoch_begun_s = now_s
            if before_step:
                before_step(steps.start)
            self._learn(feed, steps)
            if steps.stop % per_epoch == 0:
                self._end_epoch(steps.stop)
            elif time.monotonic() - self._saved_s >= self._config.checkpoint_every_s:
                self._save(steps.stop)

    def _ends_early(self, is_out_of_time: bool) -> bool:
        """Decide before an epoch whether there is to be another; never before the first one."""
        if not self._history.records:
            return False
        best, last = self._history.best, self._history.records[-1]
        num_without = last.epoch - best.epoch
        if self._config.patience and num_without >= self._config.patience:
            self._progress.say(f"ends with epoch {last.epoch}: none since epoch {best.epoch} was better by validation")
            return True
        if is_out_of_time:
            self._progress.say(f"ends with epoch {last.epoch}: the time that was given is not enough for another")
        return is_out_of_time

    def _learn(self, feed: Feed, steps: range) -> None:
        result = self.state.take(feed, steps, [self._schedule.lr(step) for step in steps])
        self._results.add(steps.start, result)
        if steps.start // CHECK_EVERY_STEPS != steps.stop // CHECK_EVERY_STEPS:
            self._check_losses()
        epoch = steps.start // self._schedule.steps_per_epoch + 1

        def text() -> str:
            # To read a loss is to wait for it: a GPU is given its next step meanwhile.
            return f"epoch {epoch}/{self._config.epochs}  loss {np.ravel(result.loss)[-1]:.3f}"

        self._progress.advance(steps.stop, text, num_steps=len(steps))

    def _end_epoch(self, num_steps_done: int) -> None:
        """Evaluate the EMA of the weights, record the epoch and save."""
        self._check_losses()
        validation_loss, validation_accuracy = self._validation()
        if not math.isfinite(validation_loss):
            raise self._diverged(validation_loss, num_steps_done)
        train_loss, train_accuracy = self._results.end_epoch()
        record = EpochRecord(
            epoch=num_steps_done // self._schedule.steps_per_epoch,
            num_steps_done=num_steps_done,
            lr=self._schedule.lr(num_steps_done - 1),
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            images_per_s=self._progress.images_per_s,
        )
        self._history.append(record)
        self._save(num_steps_done, validation_accuracy if self._history.best is record else None)
        self._progress.say(
            f"epoch {record.epoch}/{self._config.epochs}  loss {record.train_loss:.3f}  "
            f"accuracy {record.train_accuracy:.2%}  "
            f"validation accuracy {validation_accuracy:.2%} of {len(self._images.validation_targets):,}"
        )

    def _save(self, num_steps_done: int, best_accuracy: float | None = None) -> None:
        self._check_losses()
        if not self.state.has_finite_weights():
            raise self._diverged(math.nan, num_steps_done)
        self._checkpoints.save(num_steps_done, best_accuracy)
        self._num_steps_saved = num_steps_done
        self._saved_s = time.monotonic()

    def _check_losses(self) -> None:
        """Refuse to go on from a loss that is no number, before anything is saved."""
        if bad := self._results.settle():
            step, loss = bad
            if step == self._num_steps_saved and step:  # what was saved last has this loss
                self._num_steps_saved = self._checkpoints.drop_last()
            raise self._diverged(loss, step)

    def _diverged(self, loss: float, step: int) -> RunError:
        saved, lr = self._num_steps_saved, min(MAX_LOWERED_LR, self._config.peak_lr / LR_DIVISOR)
        kept = f"the checkpoint of step {saved} is kept" if saved else "nothing good was saved before"
        then = f"goes on from step {saved}" if saved else "begins again"
        return RunError(
            f"the loss is {loss:g} after step {step} of {self._steps.stop}: {kept}; the same command with a lower "
            f"learning rate {then}: --set peak_lr={lr:g} (of optimize: --peak-lr {lr:g})"
        )
