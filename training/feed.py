"""Bring the batches of some steps to the devices that learn from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from training.batches import Batches
from training.distributed.replicas import replica_index
from training.distributed.workers import Workers
from training.resident import ResidentPixels
from training.rows import Rows

STEPS_ON_GPU = 32  # 0.3 s at 25,000 images/s in batches of 256, and Ctrl-C waits no longer than that
STEPS_ON_CPU = 1


def steps_per_call() -> int:
    """Say how many steps a call to TensorFlow takes: many where a GPU would wait for Python between them."""
    return STEPS_ON_GPU if tf.config.list_logical_devices("GPU") else STEPS_ON_CPU


class Feed:
    """The batches of some steps in order.

    Attributes:
        batches: an iterator of TensorFlow's, from which a call takes as many as it takes steps.
        resident: where the images are on the devices; `batches` then say which of them a step has.
        words: what `on_replica` takes of them; one for each device.
    """

    def __init__(
        self,
        batches: Batches,
        steps: range,
        *,
        side_px: int | None,
        workers: Workers,
        resident: ResidentPixels | None = None,
    ) -> None:
        """Make the rows of this machine, scaled down to `side_px` where it is given, which is done on the host."""
        self._num_here = workers.num_here
        self.resident = resident if side_px is None else None
        self.words: Any = self.resident.words if self.resident else ()
        self.batches: Iterator[Any] = iter(batches.picks(steps) if self.resident else batches.made(steps, side_px))

    def on_replica(self, batch: tuple[tf.Tensor, ...], words: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the rows of an element of `batches` that are of the device which asks."""
        if self.resident:
            return self.resident.batch(batch, words)
        pixels, targets = batch
        if self._num_here == 1:
            return pixels, targets
        # Cut in the memory of the host, so that no device is sent the rows of another.
        with tf.device("/CPU:0"):
            rows = Rows.part(replica_index() % self._num_here, self._num_here, pixels.shape[0])
            return rows.of(pixels), rows.of(targets)


def calls(steps: range, *, at_once: int, steps_per_epoch: int) -> Iterator[range]:
    """Divide steps into calls, none of which goes beyond the end of an epoch."""
    start = steps.start
    while start < steps.stop:
        end_of_epoch = (start // steps_per_epoch + 1) * steps_per_epoch
        stop = min(start + at_once, end_of_epoch, steps.stop)
        yield range(start, stop)
        start = stop
