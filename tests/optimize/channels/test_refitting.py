"""The channels that are left make up for those that are gone."""

from __future__ import annotations

import numpy as np
import pytest
import tf_keras as keras
from small_networks import small_bottleneck

from models.network.normalization import normalize
from models.network.resnet_v2 import ResNetV2, build
from optimize.channels.groups import ChannelGroup, channel_groups
from optimize.channels.narrowing import narrow
from optimize.channels.refitting import refit
from optimize.layer_inputs import input_moments
from optimize.training_sample import reestimate_batch_norms

pytestmark = pytest.mark.usefixtures("eager_module")

BASIC = ResNetV2.of("8", width=8)
PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 32, 3), np.uint8)


@pytest.fixture(params=["basic", "bottleneck"])
def architecture(request, monkeypatch):
    return BASIC if request.param == "basic" else small_bottleneck(monkeypatch)


def repeat_channel(model: keras.Model, group: ChannelGroup, channel: int, *, of: int) -> None:
    """Have one channel of a group be another one, wherever it is written and normalized."""
    for name in (*group.producers, *group.norms):
        layer = model.get_layer(name)
        weights = layer.get_weights()
        for weight in weights:
            weight[..., channel] = weight[..., of]
        layer.set_weights(weights)


def without(groups: tuple[ChannelGroup, ...], channel: int) -> dict[str, np.ndarray]:
    return {group.name: np.delete(np.arange(group.num_channels), channel) for group in groups}


def refitted(model: keras.Model, architecture: ResNetV2, kept: dict[str, np.ndarray]) -> keras.Model:
    groups = channel_groups(model)
    moments = input_moments(model, [PIXELS], [name for group in groups for name in group.consumers])
    narrower = narrow(model, architecture, groups, kept)
    refit(narrower, model, groups, kept, moments)
    return narrower


def test_network_without_what_was_there_twice_is_nearly_the_same(architecture: ResNetV2) -> None:
    keras.utils.set_random_seed(0)
    model = build(architecture)
    reestimate_batch_norms(model, [PIXELS] * 20)  # without which values grow from block to block
    groups = channel_groups(model)
    for group in groups:
        repeat_channel(model, group, 1, of=0)
    images, kept = normalize(PIXELS[:4]), without(groups, 1)
    expected = model.predict(images, verbose=0)
    plain = narrow(model, architecture, groups, kept).predict(images, verbose=0)
    found = refitted(model, architecture, kept).predict(images, verbose=0)
    assert np.mean((found - expected) ** 2) < 0.25 * np.mean((plain - expected) ** 2)


def test_nothing_changes_where_nothing_is_removed() -> None:
    model = build(BASIC)
    kept = {group.name: np.arange(group.num_channels) for group in channel_groups(model)}
    same = refitted(model, BASIC, kept)
    for before, after in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-5)
