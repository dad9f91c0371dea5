"""Estimates the second moments of what layers read, and solves weights from them by least squares.

Where a layer loses inputs or weights, the others can make up for most of it, as its inputs are correlated. That takes
no training, and some thousand images.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras

from models.network.normalization import normalize
from training.dataset import Pixels

Matrix = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

DAMPING = 0.01  # of the mean second moment, as in arXiv:2210.17323: keeps weights that images say little of
MAX_IMAGES = 32  # at a time: as rows, the inputs of a 3x3 convolution take nine times their memory
MIN_DAMPING = 1e-9  # for a layer that reads zeros only


def input_moments(model: keras.Model, batches: Iterable[Pixels], layers: Collection[str]) -> dict[str, Matrix]:
    """Estimate the second moments of what convolutions and classifiers multiply their kernels with.

    Args:
        model: from normalized pixels to logits.
        batches: training images, uint8 [N, H, W, C].
        layers: names of those of its `Conv2D` and `Dense` layers that are wanted.

    Returns:
        By the layer's name: float64 [n + 1, n + 1], the mean of x xᵀ over images and positions, `damped`. x has the n
        values that an output is made of, in the order of the kernel's rows, and a one, whose weight is the bias.

    Raises:
        ValueError: there was no image.
    """
    read = [model.get_layer(name) for name in layers]
    inputs = keras.Model(model.input, [layer.input for layer in read])

    def moments(pixels: tf.Tensor) -> list[tf.Tensor]:
        values = tf.nest.flatten(inputs(normalize(pixels), training=False))
        rows = [_rows(layer, each) for layer, each in zip(read, values, strict=True)]
        return [tf.matmul(each, each, transpose_a=True) / tf.cast(tf.shape(each)[0], each.dtype) for each in rows]

    traced = tf.function(moments, reduce_retracing=True)
    sums = [np.zeros(()) for _ in read]
    num_images = 0
    parts = (pixels[start : start + MAX_IMAGES] for pixels in batches for start in range(0, len(pixels), MAX_IMAGES))
    for part in parts:
        num_images += len(part)
        sums = [
            total + len(part) * each.numpy().astype(np.float64)
            for total, each in zip(sums, traced(tf.constant(part)), strict=True)
        ]
    if not num_images:
        raise ValueError("second moments need at least one image")
    return {layer.name: damped(total / num_images) for layer, total in zip(read, sums, strict=True)}


def weight_matrix(layer: Any) -> Matrix:
    """Return the weights of a `Conv2D` or `Dense` layer, float64 [n + 1, outputs]: kernel rows, then bias or zeros."""
    kernel, *bias = layer.get_weights()
    rows = kernel.reshape(-1, kernel.shape[-1])
    return np.concatenate([rows, bias or [np.zeros(kernel.shape[-1])]]).astype(np.float64)


def set_weight_matrix(layer: Any, matrix: Matrix) -> None:
    """Set the weights of a layer from such a matrix; a layer without a bias has no use for the last row."""
    kernel, *bias = layer.get_weights()
    layer.set_weights([matrix[:-1].reshape(kernel.shape), *(matrix[-1] for _ in bias)])


def covariance(moments: Matrix) -> Matrix:
    """Return the covariance of the inputs, [n, n]: their second moments without those of their means."""
    return moments[:-1, :-1] - np.outer(moments[:-1, -1], moments[-1, :-1])


def solve_least_squares(moments: Matrix, weights: Matrix, kept: Indices) -> Matrix:
    """Solve the weights of some inputs, so that the outputs are nearest to those of all inputs.

    Args:
        moments: of all inputs, see `input_moments`.
        weights: of all inputs, [n + 1, outputs].
        kept: which inputs there will be.

    Returns:
        float64 [len(kept), outputs], with the least mean square of the difference of outputs.
    """
    return np.linalg.solve(moments[np.ix_(kept, kept)], moments[kept] @ weights).astype(np.float64)


def _rows(layer: Any, inputs: tf.Tensor) -> tf.Tensor:
    """Return what each output of a layer is computed from: [outputs of all images and positions, n + 1]."""
    if isinstance(layer, keras.layers.Conv2D):
        size, strides, dilation = ((1, *sides, 1) for sides in (layer.kernel_size, layer.strides, layer.dilation_rate))
        inputs = tf.image.extract_patches(inputs, size, strides, dilation, layer.padding.upper())
    rows = tf.reshape(inputs, [-1, inputs.shape[-1]])
    return tf.concat([rows, tf.ones_like(rows[:, :1])], axis=1)


def damped(moments: Matrix) -> Matrix:
    """Return second moments that can be inverted: `DAMPING` of their mean is added to each, but to the one's."""
    diagonal = np.full(len(moments), max(MIN_DAMPING, DAMPING * np.diag(moments)[:-1].mean()))
    diagonal[-1] = 0.0
    return moments + np.diag(diagonal)
