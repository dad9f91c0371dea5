"""Sum up the results of an epoch's steps, and notice a loss that is no number any more."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from training.step import StepResult

# One that has come so far does not fall again; weights and images of any data here begin below 100.
MAX_LOSS = 1e4


class EpochResults:
    """The mean loss and accuracy of an epoch so far, across the processes that take its steps.

    Attributes:
        sums: float64 [3], of losses and accuracies, and the number of steps; a checkpoint has them.
    """

    def __init__(self, *, may_overflow: bool = False) -> None:
        """`may_overflow` is True for float16, in which a step may have no loss and leaves the weights as they were."""
        self.sums = tf.Variable(tf.zeros(3, tf.float64), trainable=False)
        self._may_overflow = may_overflow
        self._waiting: list[tuple[int, StepResult]] = []  # on the device: to read one is to wait for its step

    def add(self, step: int, result: StepResult) -> None:
        """Take the result of a step, counted from 0, or of several, of which it is the first."""
        self._waiting.append((step, result))

    def settle(self) -> tuple[int, float] | None:
        """Read the results that wait; returns the first step among them whose loss none can go on from, and the loss.

        A step has the loss of the weights before it: of the checkpoint with its number.
        """
        first_bad = None
        for step, loss, accuracy in self._read():
            if self._may_overflow and not math.isfinite(loss):
                continue
            self.sums.assign_add([loss, accuracy, 1.0])
            if first_bad is None and not loss <= MAX_LOSS:
                first_bad = step, loss
        self._waiting = []
        return first_bad

    def _read(self) -> Iterator[tuple[int, float, float]]:
        for first, result in self._waiting:
            pairs = zip(np.ravel(result.loss).tolist(), np.ravel(result.accuracy).tolist(), strict=True)
            yield from ((step, *pair) for step, pair in enumerate(pairs, start=first))

    def end_epoch(self) -> tuple[float, float]:
        """Return mean loss and accuracy, of the results that `settle` has read, and begin anew."""
        loss, accuracy, num_steps = self.sums.numpy()
        self.sums.assign(tf.zeros(3, tf.float64))
        return (float(loss / num_steps), float(accuracy / num_steps)) if num_steps else (math.nan, math.nan)
