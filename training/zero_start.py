"""Let every block of a new network begin as its shortcut (arXiv:1706.02677, section 5.1)."""

from __future__ import annotations

import tensorflow as tf
import tf_keras as keras


def zero_branches(model: keras.Model) -> None:
    """Set to 0 what ends each residual branch: the kernel of a convolution, or the scale of a normalization.

    Args:
        model: with layers `Add` of a shortcut and a branch, in this order.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.Add):
            last = layer.input[1].node.layer
            weight = last.gamma if isinstance(last, keras.layers.BatchNormalization) else last.kernel
            weight.assign(tf.zeros_like(weight))
