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
import tensorflow_model_optimization as tfmot
import tf_keras as keras

from models.network.normalization import normalize

PRUNED = 0.2  # of the weights; training leaves fewer zeros than this by itself

Ranges = dict[str, tuple[float, float]]


def fake_quantized(folded: keras.Model, calibration_batches: Iterable[npt.NDArray[np.uint8]]) -> keras.Model:
    """Wrap a folded model so that its forward pass rounds weights and activations to int8.

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
        for variable in layer.weights:
            end = variable.name.partition(":")[0].rpartition("_")[2]
            if "kernel" not in variable.name and end in {"min", "max"}:
                variable.assign(ranges[layer.name][end == "max"])
    return wrapped


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
