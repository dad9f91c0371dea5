"""Builds the narrower network: the same architecture with fewer channels, and the weights of those that stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import tf_keras as keras

from models.network.resnet_v2 import ResNetV2, build
from optimize.channels.groups import ChannelGroup
from optimize.channels.plan import Indices


def narrow(
    model: keras.Model, architecture: ResNetV2, groups: tuple[ChannelGroup, ...], kept: Mapping[str, Indices]
) -> keras.Model:
    """Build the network that has only the kept channels.

    Args:
        model: from normalized pixels to logits; it does not change.
        architecture: of the model.
        groups: its channels.
        kept: indices of each group's channels that stay, ascending.

    Returns:
        An ordinary dense model.
    """
    narrower = replace(
        architecture,
        stream_widths=tuple(len(kept[group.name]) for group in groups if group.is_stream),
        inner_widths=tuple(len(kept[group.name]) for group in groups if not group.is_stream),
    )
    written = {layer: kept[group.name] for group in groups for layer in (*group.producers, *group.norms)}
    read = {layer: kept[group.name] for group in groups for layer in group.consumers}
    target = build(narrower)
    for layer in target.layers:
        if not layer.weights:
            continue
        weights = model.get_layer(layer.name).get_weights()
        if layer.name in written:
            weights = [weight[..., written[layer.name]] for weight in weights]
        if layer.name in read:
            weights = [weight[..., read[layer.name], :] if weight.ndim > 1 else weight for weight in weights]
        layer.set_weights(weights)
    return target
