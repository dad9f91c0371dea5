"""Train a Keras model: take steps, evaluate after each epoch, save checkpoints, resume where a killed run stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from models.plain_path import plain_path
from training.batches import num_steps_per_epoch, training_batches
from training.checkpoints import Checkpoints
from training.config import TrainingConfig
from training.dataset import Pixels, Targets
from training.distillation import Distillation
from training.history import EpochRecord, History
from training.progress import Progress
from training.run import RunError
from training.step import StepResult, TrainingStep, Validation, learning_rate


@dataclass(frozen=True, slots=True)
class PixelSets:
    """The decoded images of a run, uint8 [N, H, W, 3], with their targets, int64 [N]."""

    train: Pixels
    train_targets: Targets
    validation: Pixels
    validation_targets: Targets


def fit(
    model: keras.Model,
    images: PixelSets,
    *,
    config: TrainingConfig,
    workdir: Path,
    before_step: Callable[[int], None] = lambda _: None,
    distillation: Distillation | None = None,
    also_saved: Mapping[str, Any] | None = None,
) -> keras.Model:
    """Train `model`, going on from the last checkpoint in `workdir`.

    Args:
        model: from normalized pixels to logits; its weights are changed.
        images: what to learn from and what to choose by.
        config: the settings of the training.
        workdir: takes `checkpoints/`, `history.jsonl` and `tensorboard/`.
        before_step: called with the number of steps done.
        distillation: a teacher to learn from beside the labels.
        also_saved: what else changes with the steps, by name; TensorFlow's variables, alone or in lists.

    Returns:
        The model with the exponential moving average (EMA) of the weights.

    Raises:
        RunError: the EMA of the weights has no finite loss after an epoch.
    """
    with plain_path(workdir) as folder:
        trainer = Trainer(model, images, config, folder, distillation, also_saved or {})
        trainer.run(before_step)
    return trainer.state.ema


class Trainer:
    """Trains a model from its last checkpoint to its last step.

    It holds the position: which steps are left, the results since the last epoch, and when it saved last. The rest
    of a training is held by

    - `TrainingStep`: the weights, their moving average (EMA), and the optimizer's velocity;
    - `Checkpoints`: the same on disk, with the number of steps done;
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
        also_saved: Mapping[str, Any],
    ) -> None:
        self._images = images
        self._config = config
        self.state = TrainingStep(
            model,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            label_smoothing=config.label_smoothing,
            ema_decay=config.average_decay,
            xla=config.xla,
            distillation=distillation,
        )
        self._checkpoints = Checkpoints(workdir, self.state, also_saved)
        self._steps_per_epoch = num_steps_per_epoch(len(images.train_targets), config.batch_size)
        num_steps = self._steps_per_epoch * config.epochs
        self._steps = range(self._checkpoints.restore(), num_steps)
        self._history = History(workdir, num_steps_done=self._steps.start)
        self._num_small_steps = round(config.small_fraction * num_steps)
        batch_size = min(config.batch_size, len(images.train_targets))

        def work(num_steps_done: int) -> float:
            """Count steps by their pixels: one with images of full size is 1."""
            num_small = min(num_steps_done, self._num_small_steps)
            return num_steps_done - num_small + num_small * (config.small_px / config.image_px) ** 2

        self._progress = Progress(num_steps=num_steps, batch_size=batch_size, work=work)
        if self._steps.start:
            self._progress.say(f"going on from step {self._steps.start} of {num_steps}")
        self._validation = Validation(self.state.ema, images.validation, images.validation_targets)
        self._results: list[StepResult] = []
        self._num_steps_saved = self._steps.start
        self._saved_s = time.monotonic()

    def run(self, before_step: Callable[[int], None]) -> None:
        """Take the steps that are left, and before each call `before_step` with the number of steps done.

        Raises:
            RunError: the EMA of the weights has no finite loss after an epoch.
        """
        try:
            for step, (pixels, targets) in zip(self._steps, self._batches(), strict=True):
                before_step(step)
                self._learn(step, pixels, targets)
                if (step + 1) % self._steps_per_epoch == 0:
                    self._end_epoch(step + 1)
                elif time.monotonic() - self._saved_s >= self._config.checkpoint_every_s:
                    self._save(step + 1)
        except KeyboardInterrupt:
            if self._num_steps_saved:
                self._progress.say(f"the same command goes on from step {self._num_steps_saved} of {self._steps.stop}")
            raise

    def _batches(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """Yield a batch for each step that is left, of small images in the first `small_fraction` of the run."""
        first_full = max(self._steps.start, self._num_small_steps)
        small, full = range(self._steps.start, first_full), range(first_full, self._steps.stop)
        for steps, side_px in ((small, self._config.small_px), (full, None)):
            yield from training_batches(
                self._images.train,
                self._images.train_targets,
                augmentation=self._config.augmentation,
                image_px=self._config.image_px,
                side_px=side_px,
                batch_size=self._config.batch_size,
                seed=self._config.seed,
                steps=steps,
            )

    def _learn(self, step: int, pixels: tf.Tensor, targets: tf.Tensor) -> None:
        result = self.state(pixels, targets, lr=self._lr(step), step=step)
        self._results.append(result)
        epoch = step // self._steps_per_epoch + 1
        # To read a loss is to wait for it: a GPU is given its next step meanwhile.
        self._progress.advance(step + 1, lambda: f"epoch {epoch}/{self._config.epochs}  loss {float(result.loss):.3f}")

    def _end_epoch(self, num_steps_done: int) -> None:
        """Evaluate the EMA of the weights, record the epoch and save."""
        validation_loss, validation_accuracy = self._validation()
        epoch = num_steps_done // self._steps_per_epoch
        # Not the training loss: a step that overflows float16 has none, and may leave the weights as they were.
        if not math.isfinite(validation_loss):
            raise RunError(
                f"the loss is {validation_loss} after epoch {epoch}: choose a lower peak_lr and another folder"
            )
        record = EpochRecord(
            epoch=epoch,
            num_steps_done=num_steps_done,
            lr=self._lr(num_steps_done - 1),
            train_loss=float(np.mean([result.loss for result in self._results])),
            train_accuracy=float(np.mean([result.accuracy for result in self._results])),
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            images_per_s=self._progress.images_per_s,
        )
        self._results = []
        self._history.append(record)
        self._save(num_steps_done, validation_accuracy)
        self._progress.say(
            f"epoch {record.epoch}/{self._config.epochs}  loss {record.train_loss:.3f}  "
            f"accuracy {record.train_accuracy:.2%}  validation accuracy {validation_accuracy:.2%}"
        )

    def _save(self, num_steps_done: int, accuracy: float | None = None) -> None:
        self._checkpoints.save(num_steps_done, accuracy)
        self._num_steps_saved = num_steps_done
        self._saved_s = time.monotonic()

    def _lr(self, step: int) -> float:
        warmup_steps = round(self._config.warmup_fraction * self._steps.stop)
        return learning_rate(step, peak=self._config.peak_lr, warmup_steps=warmup_steps, total_steps=self._steps.stop)
