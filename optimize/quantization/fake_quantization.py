"""Makes a network that computes as its int8 file will, and can be trained so (arXiv:1712.05877).

Its layers are wrapped by tensorflow-model-optimization, which refuses a batch normalization behind an addition: every
pre-activation. In a folded network (`models.network.folding`) there is none, and each layer is one int8 kernel of
LiteRT with a range of its own. That includes every addition: tensorflow-model-optimization leaves out the range of one
that a ReLU follows, but in a pre-activation network the shortcut reads it too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras

from models.network.normalization import normalize
from models.network.saturation import LARGEST_SUM

LARGEST = 127  # int8 that a kernel of tensorflow-model-optimization takes
PRUNED = 0.2  # of the weights; training leaves fewer zeros than this by itself

Ranges = dict[str, tuple[float, float]]


def fake_quantized(folded: keras.Model, calibration_batches: Iterable[npt.NDArray[np.uint8]]) -> keras.Model:
    """Wrap a folded model so that its forward pass rounds weights and activations to int8, and no products saturate.

    Args:
        folded: of `models.network.folding.fold_batch_norms`, float32. Zeros of a pruned model stay zeros.
        calibration_batches: uint8 [N, H, W, C], in which the ranges of the activations begin.

    Returns:
        A model from normalized pixels to logits, to be trained for at least a step.
    """
    scheme = _PrunePreserving() if is_pruned(folded) else _Plain()
    ranges = _activation_ranges(folded, calibration_batches)
    with tfmot.quantization.keras.quantize_scope():
        wrapped = tfmot.quantization.keras.quantize_apply(
            tfmot.quantization.keras.quantize_annotate_model(folded), scheme=scheme, quantized_layer_name_prefix=""
        )
    for layer in wrapped.layers:
        if isinstance(getattr(layer, "layer", None), (keras.layers.Conv2D, keras.layers.Dense)):
            # Of tensorflow-model-optimization's quantizers, its scheme lets no other be chosen.
            [(kernel, quantizer, variables)] = layer._weight_vars
            layer._weight_vars = [(kernel, _WithoutSaturation(quantizer), variables)]
        for variable in layer.weights:
            end = variable.name.partition(":")[0].rpartition("_")[2]
            if "kernel" not in variable.name and end in {"min", "max"}:
                variable.assign(ranges[layer.name][end == "max"])
    return wrapped


def settle(model: keras.Model) -> None:
    """Set the ranges of a fake-quantized model's kernels anew: its last step has changed those that they are of."""
    for layer in model.layers:
        for kernel, quantizer, variables in getattr(layer, "_weight_vars", ()):
            if isinstance(quantizer, _WithoutSaturation):
                quantizer.set_range(kernel, variables)


def is_pruned(model: keras.Model) -> bool:
    """Tell if the zeros among the weights come from pruning."""
    kernels = [layer.get_weights()[0] for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    num_zeros = sum(int(np.sum(kernel == 0)) for kernel in kernels)
    return num_zeros > PRUNED * sum(int(kernel.size) for kernel in kernels)


def _activation_ranges(model: keras.Model, batches: Iterable[npt.NDArray[np.uint8]]) -> Ranges:
    """Return the least and largest output of each layer; each range includes zero, which int8 must represent."""
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    outputs = keras.Model(model.input, [layer.output for layer in layers])
    ranges: Ranges = {layer.name: (0.0, 0.0) for layer in layers}
    for pixels in batches:
        for layer, output in zip(layers, outputs(normalize(pixels)), strict=True):
            low, high = ranges[layer.name]
            ranges[layer.name] = (min(low, float(np.min(output))), max(high, float(np.max(output))))
    return ranges


class _WithoutSaturation:
    """Quantizes a kernel as another quantizer does, in steps so large that no products saturate."""

    def __init__(self, quantizer: Any) -> None:
        self._quantizer = quantizer

    def __call__(self, kernel: tf.Tensor, training: bool, weights: dict[str, Any]) -> tf.Tensor:
        if training:
            self.set_range(kernel, weights)
        return self._quantizer(kernel, False, weights=weights)  # in the range that the variables say

    def set_range(self, kernel: tf.Tensor, weights: dict[str, Any]) -> None:
        """Set the range of each output channel, or of all, to what the kernel's values need."""
        limit = LARGEST * smallest_steps(kernel)
        limit = limit if self._quantizer.per_axis else tf.reduce_max(limit)
        weights["min_var"].assign(-limit)
        weights["max_var"].assign(limit)


def smallest_steps(kernel: tf.Tensor) -> tf.Tensor:
    """Return the smallest steps, [M], by which a kernel, [..., M], is int8 and no products saturate.

    See `models.network.saturation`, where the channels come first.
    """
    weights = tf.reshape(kernel, [-1, kernel.shape[-1]])
    step = 1 if kernel.shape[-2] % 2 else 2
    ends_of_both_signs = (tf.nn.relu(weights), tf.nn.relu(-weights))
    sums = [tf.reduce_max(ends[1::step] + ends[:-1:step], axis=0) for ends in ends_of_both_signs]
    largest = tf.reduce_max(tf.abs(weights), axis=0)
    # Rounding may add a half to both of two neighbours.
    return tf.maximum(largest / LARGEST, tf.maximum(*sums) / (LARGEST_SUM - 1))


class _AsItIs:
    """Leaves a graph as it is, in the place of tensorflow-model-optimization's transformations."""

    def apply(self, model: keras.Model, layer_configs: dict[str, Any]) -> tuple[keras.Model, dict[str, Any]]:
        return model, layer_configs


class _Plain(tfmot.quantization.keras.default_8bit.Default8BitQuantizeScheme):  # type: ignore[misc]
    def get_layout_transformer(self) -> _AsItIs:
        return _AsItIs()


class _PrunePreserving(tfmot.experimental.combine.Default8BitPrunePreserveQuantizeScheme):  # type: ignore[misc]
    def get_layout_transformer(self) -> _AsItIs:
        return _AsItIs()
