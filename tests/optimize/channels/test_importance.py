"""Importance is the square of what the loss loses with a channel, to first order."""

from __future__ import annotations

import numpy as np
import pytest
import tf_keras as keras

from models.network.normalization import normalize
from models.network.resnet_v2 import ResNetV2, build
from optimize.channels.groups import channel_groups
from optimize.channels.importance import channel_importance

pytestmark = pytest.mark.usefixtures("eager_module")

RNG = np.random.default_rng(0)
BATCHES = [(RNG.integers(0, 256, (4, 16, 16, 3), np.uint8), RNG.integers(0, 10, 4)) for _ in range(2)]
CHANGE = 0.01


@pytest.mark.parametrize("name", ["conv3", "conv2_block1_1"])
def test_importance_is_that_of_all_normalizations_that_a_channel_passes(name: str) -> None:
    keras.utils.set_random_seed(0)
    model = build(ResNetV2.of("20", width=4, input_shape=(16, 16, 3), num_classes=10))
    [group] = [group for group in channel_groups(model) if group.name == name]
    norms = [model.get_layer(norm) for norm in group.norms]
    for norm in norms:
        norm.set_weights([RNG.uniform(0.5, 1.5, weight.shape) for weight in norm.get_weights()])

    def loss(pixels: np.ndarray, targets: np.ndarray, gate: float) -> float:
        before = [norm.get_weights() for norm in norms]
        for norm, (gamma, beta, *statistics) in zip(norms, before, strict=True):
            gates = np.where(np.arange(group.num_channels) == 2, gate, 1.0)
            norm.set_weights([gamma * gates, beta * gates, *statistics])
        logits = model(normalize(pixels), training=False)
        for norm, weights in zip(norms, before, strict=True):
            norm.set_weights(weights)
        losses = keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)
        return float(np.mean(losses, dtype=np.float64))

    slopes = [(loss(*batch, 1 + CHANGE) - loss(*batch, 1 - CHANGE)) / (2 * CHANGE) for batch in BATCHES]
    found = channel_importance(model, [group], BATCHES)[name]
    assert found.shape == (group.num_channels,)
    assert found[2] == pytest.approx(np.mean(np.square(slopes)), rel=0.05)
