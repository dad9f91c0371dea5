"""A network without channels that did nothing is the same function."""

from __future__ import annotations

import numpy as np
import pytest
import tf_keras as keras
from small_networks import small_bottleneck

from models.network.resnet_v2 import ResNetV2, build
from optimize.channels.groups import ChannelGroup, channel_groups
from optimize.channels.importance import channel_importance
from optimize.channels.narrowing import narrow
from training.architecture import as_built

pytestmark = pytest.mark.usefixtures("eager_module")

BASIC = ResNetV2.of("14", width=8)


@pytest.fixture(params=["basic", "bottleneck"])
def architecture(request, monkeypatch):
    return BASIC if request.param == "basic" else small_bottleneck(monkeypatch)


def silence(model: keras.Model, group: ChannelGroup, channels: list[int]) -> None:
    """Have every normalization give zero for these channels, so that nothing behind them depends on them."""
    for name in group.norms:
        gamma, beta, *statistics = model.get_layer(name).get_weights()
        gamma[channels] = beta[channels] = 0
        model.get_layer(name).set_weights([gamma, beta, *statistics])


def pixels_for(model: keras.Model, num_images: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num_images, *model.input_shape[1:]), np.uint8)


def test_channels_that_nothing_hears_can_go(architecture: ResNetV2) -> None:
    model = build(architecture)
    groups = channel_groups(model)
    for group in groups:
        silence(model, group, [0, 2])
    kept = {group.name: np.setdiff1d(np.arange(group.num_channels), [0, 2]) for group in groups}
    narrower = narrow(model, architecture, groups, kept)
    widths = as_built(architecture, narrower)
    assert widths.streams == tuple(width - 2 for width in architecture.streams)
    assert widths.inner == tuple(width - 2 for width in architecture.inner)
    images = pixels_for(model) / 255.0
    assert narrower.count_params() < model.count_params()
    np.testing.assert_allclose(
        narrower.predict(images, verbose=0), model.predict(images, verbose=0), rtol=1e-4, atol=1e-4
    )


def test_channel_that_nothing_hears_has_no_importance() -> None:
    model = build(BASIC)
    groups = channel_groups(model)
    silenced = next(group for group in groups if group.name == "conv3")
    silence(model, silenced, [5])
    batches = [(pixels_for(model, 16), np.arange(16) % 10) for _ in range(2)]
    importance = channel_importance(model, groups, batches)
    assert importance["conv3"][5] == 0
    assert np.count_nonzero(importance["conv3"]) == silenced.num_channels - 1
    assert {name: len(values) for name, values in importance.items()} == {g.name: g.num_channels for g in groups}


def test_importance_without_images_is_refused() -> None:
    model = build(BASIC)
    with pytest.raises(ValueError, match="at least one batch"):
        channel_importance(model, channel_groups(model), [])
