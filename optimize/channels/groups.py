"""Finds the channels of a ResNet-v2 that exist together: to remove one is to remove it everywhere.

A channel between two convolutions of a block concerns these two and the normalization between them. A channel of the
residual stream concerns a whole stack: every block adds to it, every block reads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import tf_keras as keras

_BLOCK = re.compile(r"(conv\d+)_block\d+(?=_preact_bn$)")


@dataclass(frozen=True, slots=True)
class ChannelGroup:
    """Channels that are removed together, by index.

    Attributes:
        name: of the stack ("conv3") whose stream it is, or the place in a block ("conv3_block1_1").
        num_channels: how many there are.
        producers: convolutions whose output channels they are.
        norms: batch normalizations that they pass.
        consumers: convolutions, or the classifier, whose input channels they are.
    """

    name: str
    num_channels: int
    producers: tuple[str, ...]
    norms: tuple[str, ...]
    consumers: tuple[str, ...]

    @property
    def is_stream(self) -> bool:
        """Tell if they are channels of the residual stream."""
        return "_" not in self.name


@dataclass(frozen=True, slots=True)
class LayerCost:
    """The multiply-accumulates of a layer, for each pair of an input and an output channel.

    Attributes:
        macs_per_pair: positions of the output times positions of the kernel.
        inputs: name of the group that it reads, or the number of its input channels where none can be removed.
        outputs: the same for its output channels.
    """

    macs_per_pair: int
    inputs: str | int
    outputs: str | int


def channel_groups(model: keras.Model) -> tuple[ChannelGroup, ...]:
    """Find the groups of a model that `models.network.resnet_v2.build` made with batch normalization.

    Raises:
        ValueError: it is no such model.
    """
    stacks = _blocks_by_stack(model)
    if not stacks:
        raise ValueError("the model is no ResNet-v2 with batch normalization: its channels cannot be pruned")
    inner = [
        ChannelGroup(
            name=conv.removesuffix("_conv"),
            num_channels=model.get_layer(conv).filters,
            producers=(conv,),
            norms=(conv.replace("_conv", "_bn"),),
            consumers=(consumer,),
        )
        for blocks in stacks.values()
        for block in blocks
        for conv, consumer in pairwise(_convs(model, block))
    ]
    firsts = [blocks[0] for blocks in list(stacks.values())[1:]]
    streams = [
        _stream_group(model, stack, blocks, next_block)
        for (stack, blocks), next_block in zip(stacks.items(), [*firsts, None], strict=True)
    ]
    return (*inner, *streams)


def stream_ends(model: keras.Model) -> dict[str, str]:
    """Return the name of each stack's last layer, whose output is the stack's stream, by the stream's group."""
    return {stack: f"{blocks[-1]}_out" for stack, blocks in _blocks_by_stack(model).items()}


def layer_costs(model: keras.Model, groups: tuple[ChannelGroup, ...]) -> tuple[LayerCost, ...]:
    """Return the cost of each convolution and of the classifier."""
    written = {layer: group.name for group in groups for layer in group.producers}
    read = {layer: group.name for group in groups for layer in group.consumers}
    costs = []
    for layer in model.layers:
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)):
            kernel = layer.kernel.shape
            positions = int(np.prod(layer.output_shape[1:-1], dtype=np.int64)) * int(np.prod(kernel[:-2]))
            inputs, outputs = read.get(layer.name, int(kernel[-2])), written.get(layer.name, int(kernel[-1]))
            costs.append(LayerCost(positions, inputs, outputs))
    return tuple(costs)


def count_macs(costs: tuple[LayerCost, ...], widths: Mapping[str, int]) -> int:
    """Count the multiply-accumulates for one image, of groups that are as wide as `widths` says."""

    def width(channels: str | int) -> int:
        return channels if isinstance(channels, int) else widths[channels]

    return sum(cost.macs_per_pair * width(cost.inputs) * width(cost.outputs) for cost in costs)


def _blocks_by_stack(model: keras.Model) -> dict[str, list[str]]:
    stacks: dict[str, list[str]] = {}
    for layer in model.layers:
        if block := _BLOCK.match(layer.name):
            stacks.setdefault(block[1], []).append(block[0])
    return stacks


def _stream_group(model: keras.Model, stack: str, blocks: list[str], next_block: str | None) -> ChannelGroup:
    """Group a stack's stream, which a projection or the stem begins, and its blocks and the one after it read."""
    projection = f"{blocks[0]}_0_conv"
    is_projected = _has(model, projection)
    readers = [*(blocks[1:] if is_projected else blocks), *([next_block] if next_block else [])]
    consumers = [name for reader in readers for number in (0, 1) if _has(model, name := f"{reader}_{number}_conv")]
    return ChannelGroup(
        name=stack,
        num_channels=model.get_layer(f"{blocks[0]}_out").output_shape[-1],
        producers=(projection if is_projected else "conv1_conv", *(_convs(model, block)[-1] for block in blocks)),
        norms=(*(f"{reader}_preact_bn" for reader in readers), *(() if next_block else ("post_bn",))),
        consumers=(*consumers, *(() if next_block else ("predictions",))),
    )


def _convs(model: keras.Model, block: str) -> list[str]:
    """Return the convolutions of a block's main path, in order."""
    return [name for number in (1, 2, 3) if _has(model, name := f"{block}_{number}_conv")]


def _has(model: keras.Model, name: str) -> Any:
    return any(layer.name == name for layer in model.layers)
