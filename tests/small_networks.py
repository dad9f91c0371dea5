"""Networks of few layers, for what is the same with any network."""

from __future__ import annotations

import tf_keras as keras

from models.network.resnet_v2 import VARIANTS, ResNetV2, Variant


def small_network(*, side_px: int, num_classes: int) -> keras.Model:
    """From normalized pixels to logits, with a normalization, and a layer called "features"."""
    image = keras.Input([side_px, side_px, 3])
    x = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)(image)
    x = keras.layers.ReLU(name="features")(keras.layers.BatchNormalization()(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(num_classes, name="predictions")(x))


def small_bottleneck(patch) -> ResNetV2:
    """A ResNet-v2 as 50 is, of four blocks instead of sixteen, for as long as a `pytest.MonkeyPatch` holds."""
    patch.setitem(VARIANTS, "50", Variant("bottleneck", (2, 2), "imagenet"))
    return ResNetV2.of("50", width=4, input_shape=(32, 32, 3), num_classes=7)
