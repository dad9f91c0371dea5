"""Measures how long the steps of a fine-tuning take here, and so how many epochs fit into the time that is given."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from optimize.channels.groups import stream_ends
from optimize.source import Source
from training.architecture import building_in, rebuilt
from training.batches import num_steps_per_epoch
from training.distillation import Hint
from training.step import TrainingStep

NUM_TIMED_STEPS = 3
# A step of the whole network with itself as the teacher, in the teacher's forward passes: its own backward pass is two.
TEACHER, STUDENT = 1.0, 3.0
BESIDE_THE_STEPS = 1.15  # validation, checkpoints, and batches that are waited for


@dataclass(frozen=True, slots=True)
class Pace:
    """The time of a fine-tuning's steps on this machine.

    Attributes:
        step_s: of a step of the whole network, with itself as the teacher.
        steps_per_epoch: of all training images.
    """

    step_s: float
    steps_per_epoch: int

    def epoch_s(self, part: float) -> float:
        """Return the seconds of an epoch of a network that has a part of the whole one's work, in (0, 1]."""
        return BESIDE_THE_STEPS * self.steps_per_epoch * self.step_s * (TEACHER + STUDENT * part) / (TEACHER + STUDENT)

    def epochs_within(self, seconds: float, part: float) -> int:
        """Return how many whole epochs end within a time."""
        return int(seconds / self.epoch_s(part))


def measure_pace(source: Source) -> Pace:
    """Time a few steps of the source's network, which learns from itself, on images of noise, with all hints."""
    config = source.run.config
    batch_size = min(config.batch_size, len(source.data.train))
    pixels = tf.constant(
        np.random.default_rng(0).integers(256, size=(batch_size, config.image_px, config.image_px, 3), dtype=np.uint8)
    )
    targets = tf.zeros(batch_size, tf.int64)
    with building_in(config.precision):
        student = rebuilt(source.architecture, source.model)
        hints = [Hint(layer) for layer in stream_ends(student).values()]
        distillation = source.distillation(1.0, 1.0, hints=hints, hint_weight=1.0)
        step = TrainingStep.of(student, config, distillation)
        times = []
        for number in range(1 + NUM_TIMED_STEPS):
            start = time.perf_counter()
            float(step(pixels, targets, lr=0.0, step=number).loss)
            times.append(time.perf_counter() - start)
    return Pace(statistics.median(times[1:]), num_steps_per_epoch(len(source.data.train), config.batch_size))
