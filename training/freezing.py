"""Keep parts of a pretrained network as they are while the others learn."""

from __future__ import annotations

from collections.abc import Sequence

import tf_keras as keras

from training.layer_rates import stage_of


def freeze(model: keras.Model, *, stages: int = 0, batch_norm: bool = False, depthwise: bool = False) -> None:
    """Exclude layers from learning; batch normalizations among them use the statistics that they have.

    Args:
        model: whose layers are named as `layer_rates` tells, and stand in the order of their depth.
        stages: the first ones, as many, with all their layers.
        batch_norm: all batch normalizations: statistics, scales and offsets.
        depthwise: all depthwise convolutions: few weights, whose gradients take a quarter of a step's time on a CPU.

    Raises:
        ValueError: no stage would learn.
    """
    names = _stages(model)
    if stages >= len(names):
        raise ValueError(f"frozen_stages must be less than {len(names)}, the number of stages of the network")
    kinds = (keras.layers.BatchNormalization,) * batch_norm + (keras.layers.DepthwiseConv2D,) * depthwise
    for layer in model.layers:
        if stage_of(layer) in names[:stages] or isinstance(layer, kinds):
            layer.trainable = False


def _stages(model: keras.Model) -> Sequence[str]:
    """List the stages that have weights, from the first one on."""
    return list(dict.fromkeys(stage_of(layer) for layer in model.layers if layer.weights))
