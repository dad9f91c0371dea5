"""Draws training images as they are served, and estimates batch statistics from them after a model was changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras

from models.network.normalization import normalize
from training.crops import as_served
from training.dataset import Pixels, Targets
from training.pixel_sets import PixelSets

BATCH_SIZE = 128
NUM_MOMENTS_BATCHES = 8  # for `optimize.layer_inputs`
NUM_STATISTICS_BATCHES = 40  # for `reestimate_batch_norms`


def drawn_batches(images: PixelSets, num_batches: int, *, seed: int) -> Iterator[tuple[Pixels, Targets]]:
    """Draw batches of training images as they are served, uint8 [N, H, W, 3] with int64 [N]; a seed fixes them."""
    rng = np.random.default_rng(seed)
    num_images = len(images.train_targets)
    for _ in range(num_batches):
        yield center_crops(images, rng.choice(num_images, size=min(BATCH_SIZE, num_images), replace=False))


def center_crops(images: PixelSets, indices: npt.NDArray[np.integer[Any]]) -> tuple[Pixels, Targets]:
    """Return training images by index, in ascending order, without the margin that crops are taken from."""
    indices = np.sort(indices)  # a file is read in one direction
    pixels = images.train[indices] if images.spec is None else as_served(images.train, indices, images.spec)
    return pixels, images.train_targets[indices]


def reestimate_batch_norms(model: keras.Model, batches: Iterable[Pixels]) -> None:
    """Estimate batch normalizations' statistics anew, after layers before them were changed (arXiv:2007.02491).

    Args:
        model: from normalized pixels to logits; only its batch normalizations' means and variances change.
        batches: training images, uint8 [N, H, W, C].
    """
    forward = tf.function(lambda pixels: model(normalize(pixels), training=True), reduce_retracing=True)
    for pixels in batches:
        forward(tf.constant(pixels))
