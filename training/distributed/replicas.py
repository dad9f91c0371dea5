"""What a step does on one of several devices: it takes its share of the batch, and the means are those of all."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras as keras


def num_replicas() -> int:
    """Count the devices that take the step together; 1 where nothing is distributed."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def mean_over_replicas(tensors: list[tf.Tensor]) -> list[tf.Tensor]:
    """Return the means over all devices: of the whole batch, as every device has as much of it."""
    if num_replicas() == 1:
        return tensors
    return list(tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, tensors))


def replica_index() -> int | tf.Tensor:
    """Return the number of this device among all of them."""
    return tf.distribute.get_replica_context().replica_id_in_sync_group if num_replicas() > 1 else 0


class SynchronizedBatchNormalization(keras.layers.Layer):  # type: ignore[misc]  # tf_keras is untyped
    """Normalizes by the statistics of the whole batch, of all devices, and shares its weights with a plain layer.

    Keras' own `synchronized=True` takes E(x^2) - E(x)^2, which loses digits, and keeps the variance without Bessel's
    correction, which the plain layer has. Here the variance within a device is that of its differences from its own
    mean; only the means of devices are compared by squares, as differences from the running mean.
    """

    def __init__(self, plain: keras.layers.BatchNormalization, **options: Any) -> None:
        super().__init__(name=plain.name, dtype=plain.dtype_policy, **options)
        self._plain = plain

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Normalize [N, ..., C]."""
        plain = self._plain
        if not training or not plain.trainable or num_replicas() == 1:
            return plain(inputs, training=training)
        x = tf.cast(inputs, tf.float32)
        own_mean, own_variance = tf.nn.moments(x, axes=list(range(x.shape.rank - 1)))
        off = own_mean - plain.moving_mean
        off, square = mean_over_replicas([off, own_variance + tf.square(off)])
        mean, variance = plain.moving_mean + off, square - tf.square(off)
        count = tf.cast(tf.size(x) // tf.shape(x)[-1] * num_replicas(), tf.float32)
        part = 1.0 - plain.momentum
        plain.moving_mean.assign_add(part * off)
        plain.moving_variance.assign_add(part * (variance * count / (count - 1.0) - plain.moving_variance))
        normal = tf.nn.batch_normalization(x, mean, variance, plain.beta, plain.gamma, plain.epsilon)
        return tf.cast(normal, self.compute_dtype)


def with_synchronized_statistics(model: keras.Model) -> keras.Model:
    """Return a network for training that shares all weights with `model`; the same one where nothing is distributed."""
    if num_replicas() == 1:
        return model

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        is_plain = isinstance(layer, keras.layers.BatchNormalization)
        return SynchronizedBatchNormalization(layer) if is_plain else layer

    return keras.models.clone_model(model, clone_function=clone)
