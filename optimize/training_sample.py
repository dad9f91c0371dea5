"""Training images as they are, and what is estimated from them after a model was changed by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf
import tf_keras as keras

from models.normalization import normalize
from training.dataset import Pixels, Targets
from training.loop import PixelSets

BATCH_SIZE = 128
NUM_MOMENTS_BATCHES = 8  # for `optimize.layer_inputs`
NUM_STATISTICS_BATCHES = 40  # for `reestimate_batch_norms`


def drawn_batches(images: PixelSets, num_batches: int, *, seed: int) -> Iterator[tuple[Pixels, Targets]]:
    """Random training images, uint8 [N, H, W, 3] with int64 [N]; the same seed draws the same."""
    rng = np.random.default_rng(seed)
    num_images = len(images.train_targets)
    for _ in range(num_batches):
        indices = np.sort(rng.choice(num_images, size=min(BATCH_SIZE, num_images), replace=False))
        yield images.train[indices], images.train_targets[indices]


def reestimate_batch_norms(model: keras.Model, batches: Iterable[Pixels]) -> None:
    """Have the moving statistics follow what was removed before them (arXiv:2007.02491).

    Args:
        model: from normalized pixels to logits; only its batch normalizations' means and variances change.
        batches: training images, uint8 [N, H, W, C].
    """
    forward = tf.function(lambda pixels: model(normalize(pixels), training=True), reduce_retracing=True)
    for pixels in batches:
        forward(tf.constant(pixels))
