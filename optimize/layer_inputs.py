"""What the layers of a network read, and how their weights follow from it: by least squares, so that outputs stay.

Where a layer loses inputs or weights, the others can make up for most of it, as inputs say much of each other. No
training is needed for that; some thousand images are enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras

from models.network.normalization import normalize
from training.dataset import Pixels

Matrix = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

DAMPING = 0.01  # of the mean second moment, as in arXiv:2210.17323: what images say little of stays as it was
MAX_IMAGES = 32  # at a time: as rows, the inputs of a 3x3 convolution take nine times their memory
MIN_DAMPING = 1e-9  # for a layer that reads zeros only


def input_moments(model: keras.Model, batches: Iterable[Pixels], layers: Collection[str]) -> dict[str, Matrix]:
    """Second moments of what convolutions and classifiers multiply their kernels with.

    Args:
        model: from normalized pixels to logits.
        batches: training images, uint8 [N, H, W, C].
        layers: names of those of its `Conv2D` and `Dense` layers that are wanted.

    Returns:
        By the layer's name: float64 [n + 1, n + 1], the mean of x xᵀ over images and positions, damped. x has the n
        values that an output is made of, in the order of the kernel's rows, and a one, whose weight is the bias.

    Raises:
        ValueError: there was no image.
    """
    read = [model.get_layer(name) for name in layers]
    inputs = keras.Model(model.input, [layer.input for layer in read])

    def moments(pixels: tf.Tensor) -> list[tf.Tensor]:
        found = tf.nest.flatten(inputs(normalize(pixels), training=False))
        rows = [_rows(layer, values) for layer, values in zip(read, found, strict=True)]
        return [tf.matmul(each, each, transpose_a=True) / tf.cast(tf.shape(each)[0], each.dtype) for each in rows]

    run = tf.function(moments, reduce_retracing=True)
    sums = [np.zeros(()) for _ in read]
    num_images = 0
    for part in _parts(batches):
        num_images += len(part)
        found = [each.numpy().astype(np.float64) for each in run(tf.constant(part))]
        sums = [total + len(part) * each for total, each in zip(sums, found, strict=True)]
    if not num_images:
        raise ValueError("second moments need at least one image")
    return {layer.name: _damped(total / num_images) for layer, total in zip(read, sums, strict=True)}


def weight_matrix(layer: Any) -> Matrix:
    """Of a `Conv2D` or `Dense` layer, float64 [n + 1, outputs]: the rows of its kernel, then its bias, or zeros."""
    kernel, *bias = layer.get_weights()
    rows = kernel.reshape(-1, kernel.shape[-1])
    return np.concatenate([rows, bias or [np.zeros(kernel.shape[-1])]]).astype(np.float64)


def set_weight_matrix(layer: Any, matrix: Matrix) -> None:
    """The inverse of `weight_matrix`; a layer without a bias leaves that row to the batch normalization after it."""
    kernel, *bias = layer.get_weights()
    layer.set_weights([matrix[:-1].reshape(kernel.shape), *(matrix[-1] for _ in bias)])


def covariance(moments: Matrix) -> Matrix:
    """Of the inputs alone, [n, n]: their second moments without those of their means."""
    return moments[:-1, :-1] - np.outer(moments[:-1, -1], moments[-1, :-1])


def solved(moments: Matrix, weights: Matrix, kept: Indices) -> Matrix:
    """The weights of some inputs that keep the outputs as near as can be to those of all inputs.

    Args:
        moments: of all inputs, see `input_moments`.
        weights: of all inputs, [n + 1, outputs].
        kept: which inputs there will be.

    Returns:
        float64 [len(kept), outputs], with the least mean square of the difference of outputs.
    """
    return np.linalg.solve(moments[np.ix_(kept, kept)], moments[kept] @ weights).astype(np.float64)


def _parts(batches: Iterable[Pixels]) -> Iterator[Pixels]:
    """The same images, so few at a time that what layers read of them fits in memory."""
    for pixels in batches:
        for start in range(0, len(pixels), MAX_IMAGES):
            yield pixels[start : start + MAX_IMAGES]


def _rows(layer: Any, inputs: tf.Tensor) -> tf.Tensor:
    """What each output of a layer is made of: [outputs of all images and positions, n + 1]."""
    if isinstance(layer, keras.layers.Conv2D):
        size, strides, dilation = ((1, *sides, 1) for sides in (layer.kernel_size, layer.strides, layer.dilation_rate))
        inputs = tf.image.extract_patches(inputs, size, strides, dilation, layer.padding.upper())
    rows = tf.reshape(inputs, [-1, inputs.shape[-1]])
    return tf.concat([rows, tf.ones_like(rows[:, :1])], axis=1)


def _damped(moments: Matrix) -> Matrix:
    diagonal = np.full(len(moments), max(MIN_DAMPING, DAMPING * np.diag(moments)[:-1].mean()))
    diagonal[-1] = 0.0  # the one is a one
    return moments + np.diag(diagonal)
