"""Give early layers of a pretrained network smaller learning rates than late ones."""

from __future__ import annotations

import re

import tf_keras as keras


def layer_rates(model: keras.Model, decay: float) -> list[float]:
    """Return a factor of the learning rate for each trainable variable (arXiv:1801.06146, section 3.2).

    Layers are of one depth where their names begin alike: "conv1", "conv2" ..., or "block1" ..., "top", "predictions".

    Args:
        model: whose layers are named so, and stand in the order of their depth.
        decay: factor from one depth to the one before, in (0, 1]; the last has 1.
    """
    depths: dict[str, int] = {}
    placed: dict[int, int] = {}
    for layer in model.layers:
        if layer.trainable_variables:
            depth = depths.setdefault(stage_of(layer), len(depths))
            placed.update({id(variable): depth for variable in layer.trainable_variables})
    last = len(depths) - 1
    return [decay ** (last - placed[id(variable)]) for variable in model.trainable_variables]


def stage_of(layer: keras.layers.Layer) -> str:
    """Return the stage that a layer is of by its name: "block4" for "block4a_expand_conv"."""
    stage = re.match(r"[a-z]+\d*", layer.name)
    return stage[0] if stage else str(layer.name)
