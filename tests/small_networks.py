"""A network of two layers, for what is the same with any network."""

from __future__ import annotations

import tf_keras as keras


def small_network(*, side_px: int, num_classes: int) -> keras.Model:
    """From normalized pixels to logits, with a normalization, and a layer called "features"."""
    image = keras.Input([side_px, side_px, 3])
    x = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)(image)
    x = keras.layers.ReLU(name="features")(keras.layers.BatchNormalization()(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(num_classes, name="predictions")(x))
