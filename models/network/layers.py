"""Layers that Keras lacks, or whose Keras form does not convert to LiteRT."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras as keras


@keras.utils.register_keras_serializable("opsin")
class WeightStandardizedConv2D(keras.layers.Conv2D):  # type: ignore[misc]  # tf_keras is untyped
    """A convolution whose kernel has mean 0 and variance 1 over each output channel's fan-in (arXiv:1903.10520)."""

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Convolve with the standardized kernel."""
        return super().convolution_op(inputs, standardized(kernel))


def standardized(kernel: tf.Tensor) -> tf.Tensor:
    """Give a kernel [H, W, in, out] mean 0 and variance 1 over each output channel's fan-in."""
    mean, variance = tf.nn.moments(kernel, axes=[0, 1, 2], keepdims=True)
    return (kernel - mean) * tf.math.rsqrt(variance + 1e-10)


@keras.utils.register_keras_serializable("opsin")
class GroupNormalization(keras.layers.Layer):  # type: ignore[misc]  # tf_keras is untyped
    """Normalization over positions and groups of channels (arXiv:1803.08494), of [N, H, W, C] with fixed H and W.

    The same function as Keras' own, in at most four dimensions and without the shapes computed at run time that keep
    Keras' own from being quantized.
    """

    def __init__(self, groups: int, *, epsilon: float, **options: Any) -> None:
        super().__init__(**options)
        self.groups = groups
        self.epsilon = epsilon

    def build(self, input_shape: tf.TensorShape) -> None:
        """Add a scale and an offset for each channel."""
        num_channels = input_shape[-1]
        if num_channels % self.groups:
            raise ValueError(f"groups must divide the number of channels ({num_channels}), got {self.groups}")
        self.gamma = self.add_weight(name="gamma", shape=(num_channels,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(num_channels,), initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Normalize; means and variances are taken in float32."""
        _, height, width, num_channels = inputs.shape
        x = tf.reshape(tf.cast(inputs, tf.float32), [-1, height * width, self.groups, num_channels // self.groups])
        centred = x - tf.reduce_mean(x, axis=[1, 3], keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=[1, 3], keepdims=True)
        x = tf.reshape(centred * tf.math.rsqrt(variance + self.epsilon), [-1, height, width, num_channels])
        return tf.cast(x, self.compute_dtype) * self.gamma + self.beta

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of `__init__`."""
        return {**super().get_config(), "groups": self.groups, "epsilon": self.epsilon}
