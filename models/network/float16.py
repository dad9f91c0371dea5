"""Converts a Keras model to float16: half the memory, and the tensor cores of a GPU, at nearly the same outputs."""

from __future__ import annotations

import numpy as np
import tf_keras as keras

from models.network.layers import GroupNormalization, WeightStandardizedConv2D, standardized

# Sums over many numbers and what is left of small differences need more than 11 bits. Normalization layers keep their
# statistics in float32 and take and give float16; from the mean over all positions on, everything is float32.
_NORMALIZATIONS = (keras.layers.BatchNormalization, GroupNormalization)
_FLOAT32 = (keras.layers.GlobalAveragePooling2D, keras.layers.Dropout, keras.layers.Dense)
MAX_FLOAT16 = float(np.finfo(np.float16).max)


def in_float16(model: keras.Model) -> keras.Model:
    """Make a model of the same function whose convolutions have float16 weights and compute in float16.

    Args:
        model: functional, as `models.network.architectures.build` makes it; it does not change.

    Returns:
        A model from normalized pixels to logits, float32 both.

    Raises:
        ValueError: a weight is beyond the range of float16.
    """
    clone = keras.models.clone_model(model, clone_function=_converted)
    for source, target in zip(model.layers, clone.layers, strict=True):
        weights = source.get_weights()
        if isinstance(source, WeightStandardizedConv2D):
            weights[0] = standardized(source.kernel).numpy()
        for weight in weights if target.dtype == "float16" else ():
            largest = float(np.abs(weight).max(initial=0.0))
            if not largest <= MAX_FLOAT16:  # which NaN is not either
                raise ValueError(
                    f"the weights of {source.name!r} must be at most {MAX_FLOAT16} in float16, got {largest}"
                )
        target.set_weights(weights)
    return clone


def _converted(source: keras.layers.Layer) -> keras.layers.Layer:
    if isinstance(source, _FLOAT32):
        policy = "float32"
    else:
        policy = "mixed_float16" if isinstance(source, _NORMALIZATIONS) else "float16"
    # Standardized once by `in_float16`, in float32, a kernel needs no standardization in each call.
    kind = keras.layers.Conv2D if isinstance(source, WeightStandardizedConv2D) else type(source)
    return kind.from_config({**source.get_config(), "dtype": policy})
