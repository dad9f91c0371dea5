"""Makes the smaller network: the same architecture with fewer channels, and the weights of those that stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import tf_keras as keras

from models.network.resnet_v2 import ResNetV2, build
from optimize.channels.groups import ChannelGroup
from optimize.channels.plan import Indices


def narrow(
    model: keras.Model, architecture: ResNetV2, groups: tuple[ChannelGroup, ...], kept: Mapping[str, Indices]
) -> keras.Model:
    """Build the network that has the kept channels only.

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
        if layer.weights:
            weights = model.get_layer(layer.name).get_weights()
            layer.set_weights([_cut(weight, read.get(layer.name), written.get(layer.name)) for weight in weights])
    return target


def _cut(weight: npt.NDArray[np.float32], read: Indices | None, written: Indices | None) -> npt.NDArray[np.float32]:
    if written is not None:
        weight = weight[..., written]
    if read is not None and weight.ndim > 1:
        weight = weight[..., read, :]
    return weight
