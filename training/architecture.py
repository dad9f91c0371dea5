"""The network that a configuration asks for."""

from __future__ import annotations

from dataclasses import replace

import tf_keras as keras

from models.network.resnet_v2 import VARIANTS, ResNetV2, build
from training.config import TrainingConfig


def architecture_of(config: TrainingConfig, *, num_classes: int) -> ResNetV2:
    """The ResNet-v2 of a configuration, for `num_classes` classes."""
    return ResNetV2.of(
        config.variant,
        input_shape=(config.image_px, config.image_px, 3),
        num_classes=num_classes,
        width=config.width,
        norm=config.norm,
    )


def as_built(architecture: ResNetV2, model: keras.Model) -> ResNetV2:
    """The same architecture with the widths of a model of it, from which channels may have been pruned."""
    row = VARIANTS[architecture.variant]
    blocks = [
        [f"conv{index + 2}_block{number + 1}" for number in range(num_blocks)]
        for index, num_blocks in enumerate(row.blocks_per_stack)
    ]
    inner = [
        model.get_layer(f"{block}_{place + 1}_conv").filters
        for stack in blocks
        for block in stack
        for place in range(row.num_inner)
    ]
    streams = [model.get_layer(f"{stack[0]}_out").output_shape[-1] for stack in blocks]
    if (tuple(streams), tuple(inner)) == (architecture.streams, architecture.inner):
        return architecture
    return replace(architecture, stream_widths=tuple(streams), inner_widths=tuple(inner))


def rebuilt(architecture: ResNetV2, model: keras.Model) -> keras.Model:
    """A model with the same weights, that computes in the precision of the policy that is set now."""
    copy = build(architecture)
    copy.set_weights(model.get_weights())
    return copy
