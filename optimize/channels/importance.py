"""Estimates how much each channel matters: by how much the loss changes without it, to first order.

The criterion is that of arXiv:1906.10771 (Molchanov et al., "Importance Estimation for Neural Network Pruning"),
equation 8, with the gate after a batch normalization: the square of the sum of gradient times value of its scale and
shift, over all normalizations that the channel passes, averaged over batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras

from models.network.normalization import normalize
from optimize.channels.groups import ChannelGroup

Pixels = npt.NDArray[np.uint8]
Targets = npt.NDArray[np.int64]


def channel_importance(
    model: keras.Model, groups: Sequence[ChannelGroup], batches: Iterable[tuple[Pixels, Targets]]
) -> dict[str, npt.NDArray[np.float64]]:
    """Estimate the importance of every channel.

    Args:
        model: float32, from normalized pixels to logits.
        groups: its channels.
        batches: training images, uint8 [N, H, W, C], with int64 [N]; some thousand in all.

    Returns:
        By the group's name: float64 [num_channels], >= 0.
    """
    norms = sorted({norm for group in groups for norm in group.norms})
    variables = [variable for norm in norms for variable in model.get_layer(norm).trainable_weights]

    def gates(pixels: tf.Tensor, targets: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = model(normalize(pixels), training=False)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True))
        products = [gradient * value for gradient, value in zip(tape.gradient(loss, variables), variables, strict=True)]
        return [scale + shift for scale, shift in zip(products[::2], products[1::2], strict=True)]

    traced = tf.function(gates, reduce_retracing=True)
    sums = {group.name: np.zeros(group.num_channels) for group in groups}
    num_batches = 0
    for pixels, targets in batches:
        gradients = dict(zip(norms, traced(tf.constant(pixels), tf.constant(targets)), strict=True))
        num_batches += 1
        for group in groups:
            sums[group.name] += np.sum([gradients[norm].numpy() for norm in group.norms], axis=0, dtype=np.float64) ** 2
    if not num_batches:
        raise ValueError("channel importance needs at least one batch of images")
    return {name: total / num_batches for name, total in sums.items()}
