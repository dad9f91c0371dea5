"""A Keras model in float16: half the memory, and the tensor cores of a GPU, at nearly the same answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import tf_keras as keras

from models.network.layers import GroupNormalization, WeightStandardizedConv2D, standardized

# Sums over many numbers and what is left of small differences need more than 11 bits. Normalization layers keep their
# statistics in float32 and take and give float16; from the mean over all positions on, everything is float32.
_NORMALIZATIONS = (keras.layers.BatchNormalization, GroupNormalization)
_FLOAT32 = (keras.layers.GlobalAveragePooling2D, keras.layers.Dense)


def in_float16(model: keras.Model) -> keras.Model:
    """Make a model of the same function whose convolutions have float16 weights and compute in float16.

    Args:
        model: functional, as `models.network.resnet_v2.build` makes it; it does not change.

    Returns:
        A model from normalized pixels to logits, float32 both.

    Raises:
        ValueError: a weight is beyond the range of float16.
    """
    clone = keras.models.clone_model(model, clone_function=_layer)
    for source, target in zip(model.layers, clone.layers, strict=True):
        weights = _weights(source)
        if target.dtype == "float16":
            _check_range(source.name, weights)
        target.set_weights(weights)
    return clone


def _layer(source: keras.layers.Layer) -> keras.layers.Layer:
    # Standardized once here, in float32, a kernel needs no standardization in each call.
    kind = keras.layers.Conv2D if isinstance(source, WeightStandardizedConv2D) else type(source)
    return kind.from_config({**source.get_config(), "dtype": _policy(source)})


def _policy(source: keras.layers.Layer) -> str:
    if isinstance(source, _FLOAT32):
        return "float32"
    return "mixed_float16" if isinstance(source, _NORMALIZATIONS) else "float16"


def _weights(source: keras.layers.Layer) -> list[Any]:
    if not isinstance(source, WeightStandardizedConv2D):
        return list(source.get_weights())
    _, *bias = source.get_weights()
    return [standardized(source.kernel).numpy(), *bias]


def _check_range(name: str, weights: list[Any]) -> None:
    limit = float(np.finfo(np.float16).max)
    for weight in weights:
        largest = float(np.abs(weight).max(initial=0.0))
        if not largest <= limit:  # which NaN is not either
            raise ValueError(f"the weights of {name!r} must be at most {limit} in float16, got {largest}")
