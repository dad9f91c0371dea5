"""What is done at which step of a training: which batches, of which size, in which call, at which learning rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from training.batches import Batches, num_steps_per_epoch
from training.config import TrainingConfig
from training.distributed.workers import ALONE, Workers
from training.feed import Feed, calls
from training.pixel_sets import PixelSets
from training.resident import resident
from training.step import learning_rate


@dataclass(frozen=True, eq=False)
class Schedule:
    """The steps of a training, counted from 0; all follows from the step, and nothing from who takes it.

    Attributes:
        config: the settings.
        images: what is learned from.
        num_classes: of the model.
        workers: who takes the steps.
    """

    config: TrainingConfig
    images: PixelSets
    num_classes: int
    workers: Workers = ALONE

    @property
    def batch_size(self) -> int:
        """Images of a step, on all devices together."""
        return min(self.config.batch_size, len(self.images.train_targets))

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches of an epoch."""
        return num_steps_per_epoch(len(self.images.train_targets), self.config.batch_size)

    @property
    def num_steps(self) -> int:
        """Steps of all epochs."""
        return self.steps_per_epoch * self.config.epochs

    @property
    def num_small_steps(self) -> int:
        """The first steps, which learn from small images."""
        return round(self.config.small_fraction * self.num_steps)

    def work(self, num_steps_done: int) -> float:
        """Count steps by their pixels: one with images of full size is 1."""
        num_small = min(num_steps_done, self.num_small_steps)
        return num_steps_done - num_small + num_small * (self.config.small_px / self.config.image_px) ** 2

    def lr(self, step: int) -> float:
        """Return the learning rate of a step."""
        warmup_steps = round(self.config.warmup_fraction * self.num_steps)
        return learning_rate(step, peak=self.config.peak_lr, warmup_steps=warmup_steps, total_steps=self.num_steps)

    def calls(self, start: int, *, at_once: int) -> Iterator[tuple[Feed, range]]:
        """Yield which steps each call to TensorFlow takes, from `start` on, and what brings their batches."""
        batches = self._batches()
        first_full, on_devices = max(start, self.num_small_steps), resident(batches, self.workers)
        for steps, side_px in (
            (range(start, first_full), self.config.small_px),
            (range(first_full, self.num_steps), None),
        ):
            if steps:
                feed = Feed(batches, steps, side_px=side_px, workers=self.workers, resident=on_devices)
                for call in calls(steps, at_once=at_once, steps_per_epoch=self.steps_per_epoch):
                    yield feed, call

    def _batches(self) -> Batches:
        return Batches(
            self.images.train,
            self.images.train_targets,
            augmentation=self.config.augmentation,
            image_px=self.config.image_px,
            batch_size=self.config.batch_size,
            seed=self.config.seed,
            num_classes=self.num_classes,
            part=(self.workers.index, self.workers.num_machines),
        )
