"""A network without dense layers over pixels computes with images of any size, though Keras makes it for one."""

from __future__ import annotations

import tf_keras as keras


def accept_any_size(model: keras.Model) -> keras.Model:
    """Let `model` be called with images of other sides than it was made for; their channels stay what they are."""
    rank, channels = len(model.input_shape), model.input_shape[-1]
    model.input_spec = keras.layers.InputSpec(shape=(*[None] * (rank - 1), channels))
    return model
