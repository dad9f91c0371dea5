"""Build the network of a configuration: its architecture, its precision, and the weights that it starts from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import tf_keras as keras

from models.checks import one_of
from models.network import efficientnet_lite, resnet_v2
from models.network.architectures import Architecture, build
from models.network.efficientnet_lite import EfficientNetLite
from models.network.resnet_v2 import VARIANTS, ResNetV2
from training.config import TrainingConfig

CLASSIFIER = "predictions"  # the last layer of every network of ours
AnyArchitecture = TypeVar("AnyArchitecture", ResNetV2, EfficientNetLite, Architecture)


def architecture_of(config: TrainingConfig, *, num_classes: int) -> Architecture:
    """Return the network of a configuration, for `num_classes` classes.

    Raises:
        ValueError: there is no such variant, or it has no such width or normalization.
    """
    one_of((*resnet_v2.VARIANTS, *efficientnet_lite.VARIANTS), variant=config.variant)
    input_shape = (config.image_px, config.image_px, 3)
    if config.variant in efficientnet_lite.VARIANTS:
        if config.width is not None or config.norm != "batch":
            raise ValueError(f"variant={config.variant} has a width of its own and norm=batch: set neither")
        return EfficientNetLite.of(config.variant, input_shape=input_shape, num_classes=num_classes)
    return ResNetV2.of(
        config.variant, input_shape=input_shape, num_classes=num_classes, width=config.width, norm=config.norm
    )


def as_built(architecture: AnyArchitecture, model: keras.Model) -> AnyArchitecture:
    """Return the architecture with the widths of a model of it, from which channels may have been pruned."""
    if not isinstance(architecture, ResNetV2):
        return architecture
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


def architecture_in(model: keras.Model, config: TrainingConfig) -> Architecture:
    """Return the architecture of a model that a run of a configuration made, or that pruning made of one."""
    return as_built(architecture_of(config, num_classes=model.output_shape[-1]), model)


def rebuilt(architecture: Architecture, model: keras.Model) -> keras.Model:
    """Return a model with the same weights that computes in the precision of the policy that is set now."""
    copy = build(architecture)
    copy.set_weights(model.get_weights())
    return copy


@contextmanager
def building_in(precision: str) -> Iterator[None]:
    """Set the precision of the networks and training steps that the block builds.

    Keras keeps it in one policy for the whole process, which is set back at the end.

    Args:
        precision: a policy of Keras, such as "float32" or "mixed_bfloat16".
    """
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(precision)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def copy_weights(source: keras.Model, target: keras.Model, *, copies_classifier: bool = True) -> list[str]:
    """Copy the weights of every layer that both have, by name, with the same shapes.

    Args:
        source: the network that was trained before.
        target: the network that takes its weights.
        copies_classifier: False where the networks tell other classes apart, though they may be as many.

    Returns:
        Names of the target's layers that keep their own weights, such as a classifier for other classes.

    Raises:
        ValueError: not one layer fits.
    """
    weights = {layer.name: layer.get_weights() for layer in source.layers if layer.weights}
    left: list[str] = []
    num_copied = 0
    for layer in target.layers:
        if not layer.weights:
            continue
        arrays = None if layer.name == CLASSIFIER and not copies_classifier else weights.get(layer.name)
        if arrays is None or [array.shape for array in arrays] != [tuple(weight.shape) for weight in layer.weights]:
            left.append(layer.name)
        else:
            layer.set_weights(arrays)
            num_copied += 1
    if not num_copied:
        raise ValueError(f"{source.name} and {target.name} have no layer of the same name and shape to start from")
    return left
