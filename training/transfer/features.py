"""What a network makes of each photo, in front of its classifier: computed once, and kept in the run's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras

from models.network.normalization import normalize
from models.pixels.preprocessing import PixelSpec
from models.store.durable import replacing
from training.architecture import CLASSIFIER
from training.dataset import Pixels, Split
from training.pixel_store import PixelStore
from training.transfer.head import Features, Head, Logits

FEATURES = "avg_pool"  # the layer in front of the classifier, in every network of ours
BATCH_SIZE = 32


def features_of(
    model: keras.Model, split: Split, spec: PixelSpec, cache: Path, *, advance: Callable[[], None] = lambda: None
) -> Features:
    """Return the pooled features, float32 [N, D], of every image; at no time are the pixels of all in memory.

    Args:
        model: from normalized pixels to logits.
        split: the images.
        spec: the pixels that the network takes.
        cache: a file that keeps the features.
        advance: called after each batch of `BATCH_SIZE`.
    """
    if cache.exists():
        kept: Features = np.load(cache)
        return kept
    pooled = keras.Model(model.input, model.get_layer(FEATURES).output)
    forward = tf.function(lambda batch: pooled(normalize(batch), training=False), reduce_retracing=True)
    parts = []
    for start in range(0, len(split), BATCH_SIZE):
        pixels = split.subset(np.arange(start, min(start + BATCH_SIZE, len(split)))).pixels(spec)
        parts.append(forward(tf.constant(pixels)).numpy().astype(np.float32))
        advance()
    features = np.concatenate(parts)
    cache.parent.mkdir(exist_ok=True)
    with replacing(cache) as temporary, temporary.open("wb") as file:
        np.save(file, features)
    return features


def logits_of(model: keras.Model, pixels: Pixels | PixelStore) -> Logits:
    """Return the logits, [N, C], of every image, uint8 [N, H, W, 3]."""
    forward = tf.function(lambda batch: model(normalize(batch), training=False), reduce_retracing=True)
    batches = (tf.constant(pixels[start : start + BATCH_SIZE]) for start in range(0, len(pixels), BATCH_SIZE))
    return np.concatenate([forward(batch).numpy() for batch in batches]).astype(np.float64)


def set_head(model: keras.Model, head: Head) -> None:
    """Make a fitted head the classifier of a network."""
    model.get_layer(CLASSIFIER).set_weights([head.kernel, head.bias])
