"""What a model is worth while it trains: on decoded images, in TensorFlow; what serves is measured by `evaluate`."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tf_keras as keras

from models.network.normalization import normalize
from training.dataset import Pixels, Targets

BATCH_SIZE = 250


class Validation:
    """Measures a model, whose weights may have changed since the last time, on the same images; traced once."""

    def __init__(self, model: keras.Model, pixels: Pixels, targets: Targets) -> None:
        """`model` is from normalized pixels to logits, `pixels` are uint8 [N, H, W, 3], `targets` int64 [N]."""
        self._pixels, self._targets = pixels, targets
        self._forward = tf.function(lambda batch: model(normalize(batch), training=False), reduce_retracing=True)

    def __call__(self) -> tuple[float, float]:
        """Mean cross-entropy and accuracy."""
        starts = range(0, len(self._pixels), BATCH_SIZE)
        batches = (tf.constant(self._pixels[start : start + BATCH_SIZE]) for start in starts)
        logits = np.concatenate([part.numpy() for part in [self._forward(batch) for batch in batches]])
        losses = keras.losses.sparse_categorical_crossentropy(self._targets, logits, from_logits=True)
        return float(np.mean(losses)), float(np.mean(logits.argmax(axis=-1) == self._targets))
