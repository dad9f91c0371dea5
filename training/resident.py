"""Keep the images of a run in the memory of each GPU, so that a step brings nothing but their numbers there."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from training.batches import Batches
from training.distributed.replicas import replica_index
from training.distributed.workers import Workers
from training.pixel_store import PixelStore
from training.rows import Rows

HOLDING = "GPU"  # kind of the devices that do
MAX_BYTES = 2**31 - 1  # a quarter of the smallest card that trains a ResNet-50 at 224 px
WORD_BYTES = 4


class ResidentPixels:
    """Images of one size on each device of this machine, as 32-bit words: TensorFlow gathers no bytes on a GPU.

    Attributes:
        words: int32 [N, words of an image], one such tensor for each device.
    """

    def __init__(self, batches: Batches, workers: Workers) -> None:
        self._batches, self._num_replicas = batches, workers.num_replicas
        images = np.asarray(batches.pixels)
        self._shape = images.shape[1:]
        flat = images.reshape(len(images), -1)
        self._num_bytes = flat.shape[1]
        words = np.pad(flat, [(0, 0), (0, -self._num_bytes % WORD_BYTES)]).view("<i4")
        if workers.strategy is None:
            self.words = _on(_devices()[0], words)
        else:
            here = list(workers.strategy.extended.worker_devices)
            self.words = workers.strategy.experimental_distribute_values_from_function(
                lambda context: _on(here[context.replica_id_in_sync_group % len(here)], words)
            )

    def batch(self, picks: tuple[tf.Tensor, ...], words: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the rows of a batch that are of the device which asks, of the images that `Batches.picks` names.

        Args:
            picks: what a step has, of all rows.
            words: those of the device.
        """
        indices, targets, is_mirrored, step = picks
        rows = Rows.part(replica_index(), self._num_replicas, indices.shape[0])
        needed = self._batches.gathered(rows)
        found = tf.bitcast(tf.gather(words, needed.of(indices)), tf.uint8)
        found = tf.reshape(found, [needed.num, -1])[:, : self._num_bytes]
        # GPUs shift and mirror floats, which have every pixel exactly.
        pixels = tf.cast(tf.reshape(found, [needed.num, *self._shape]), tf.float32)
        varied, targets = self._batches.varied(
            pixels, needed.of(targets), needed.of(is_mirrored), step, rows=rows, side_px=None
        )
        return tf.cast(varied, tf.uint8), targets


def resident(batches: Batches, workers: Workers) -> ResidentPixels | None:
    """Keep the images on the devices where there is room; None where there is not, or no GPU, or crops are resized.

    Those crops are cut and scaled on the host, with antialiasing.
    """
    if not _devices() or batches.augmentation.crop == "resized":
        return None
    return ResidentPixels(batches, workers) if num_bytes(batches.pixels) <= MAX_BYTES else None


def num_bytes(pixels: PixelStore | Any) -> int:
    """Count the bytes of images of one size."""
    return int(np.prod(pixels.shape, dtype=np.int64))


def _devices() -> list[str]:
    return [device.name for device in tf.config.list_logical_devices(HOLDING)]


def _on(device: str, words: Any) -> tf.Tensor:
    with tf.device(device):
        return tf.identity(tf.constant(words))
