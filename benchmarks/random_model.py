"""A network with random weights: what an image costs does not depend on them."""

from __future__ import annotations

import numpy as np
import tf_keras as keras
from numpy.typing import NDArray

from models.network.normalization import normalize
from models.network.resnet_v2 import ResNetV2, build


def random_model(architecture: ResNetV2, images: NDArray[np.uint8], *, seed: int) -> keras.Model:
    """Build it, its batch normalizations with the statistics of `images`, so that activations stay in range.

    Args:
        architecture: of the network.
        images: uint8 [N, H, W, C].
        seed: of the weights.

    Returns:
        A float32 model from normalized pixels to logits, to be exported.
    """
    keras.utils.set_random_seed(seed)
    model = build(architecture)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0  # so that one batch sets the statistics
    model(normalize(images), training=True)
    return model
