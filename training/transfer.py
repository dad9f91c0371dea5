"""Start a network from the weights of another that was trained before."""

from __future__ import annotations

import tf_keras as keras


def copy_weights(source: keras.Model, target: keras.Model) -> list[str]:
    """Copy the weights of every layer that both have, by name, with the same shapes.

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
        found = weights.get(layer.name)
        if found is None or [array.shape for array in found] != [tuple(weight.shape) for weight in layer.weights]:
            left.append(layer.name)
        else:
            layer.set_weights(found)
            num_copied += 1
    if not num_copied:
        raise ValueError(f"{source.name} and {target.name} have no layer of the same name and shape to start from")
    return left
