"""Leave out whole residual branches in training, an image at a time (arXiv:1603.09382)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras as keras

from training.distributed.replicas import num_replicas, replica_index
from training.rows import Rows, drawn_for

SEED = 0x5D


class RandomAdd(keras.layers.Layer):  # type: ignore[misc]
    """Adds a residual branch for a random part of the images, scaled so that the mean is that of adding it to all."""

    def __init__(self, drop_rate: float, number: int, step: tf.Variable, **options: Any) -> None:
        """`number` is that of the block and `step` holds that of the training: together they are the seed."""
        super().__init__(**options)
        self._keep, self._number, self._step = 1.0 - drop_rate, number, step

    def call(self, inputs: list[tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Add shortcut and branch, in this order."""
        shortcut, branch = inputs
        if not training:
            return shortcut + branch
        seed = tf.stack([tf.constant(SEED + self._number, tf.int64), self._step])
        rows = Rows.part(replica_index(), num_replicas(), branch.shape[0] * num_replicas()) if branch.shape[0] else None
        is_kept = drawn_for(rows, branch, [None, 1, 1, 1], seed) < self._keep
        return shortcut + branch * tf.cast(is_kept, branch.dtype) / tf.cast(self._keep, branch.dtype)


def with_stochastic_depth(model: keras.Model, drop_rate: float, step: tf.Variable) -> keras.Model:
    """Return a network for training that shares all weights with `model`, which stays what is exported.

    Args:
        model: with layers `Add` of a shortcut and a branch, in this order.
        drop_rate: of the last block, in [0, 1); it rises to that from the first block on in equal steps (section 3).
        step: int64 [], number of steps done.
    """
    blocks = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Add)]

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name not in blocks:
            return layer
        number = blocks.index(layer.name) + 1
        return RandomAdd(drop_rate * number / len(blocks), number, step, name=layer.name, dtype=layer.dtype_policy)

    return keras.models.clone_model(model, clone_function=clone)
