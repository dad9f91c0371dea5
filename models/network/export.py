"""Exports a Keras model as a file from uint8 pixels to probabilities, with normalization and softmax inside."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf
import tf_keras as keras
from ai_edge_litert.interpreter import Interpreter

from models.network.float16 import in_float16
from models.network.folding import fold_batch_norms
from models.network.normalization import PIXEL_MEAN, PIXEL_STD, normalize
from models.network.tflite_graph import relu_as_requantization, softmax_in_float, with_short_names
from models.pixels.preprocessing import Pixels
from models.quiet_stderr import quiet_stderr
from models.store.durable import replacing

SavedModelPrecision = Literal["float32", "float16"]


class ExportError(RuntimeError):
    """The converter made a graph of another kind than requested."""


def export_float32(model: keras.Model, path: Path) -> None:
    """Write `model` (normalized pixels to logits) as a float32 LiteRT file.

    Args:
        model: as `models.network.architectures.build` makes it, of any batch size.
        path: of the file to write.
    """
    _write(path, _converted(model))


def export_float16(model: keras.Model, path: Path) -> None:
    """Write `model` as a LiteRT file of float16 weights, which are made float32 when it is loaded: half the bytes.

    Args:
        model: as `models.network.architectures.build` makes it, of any batch size.
        path: of the file to write.
    """
    half = tf.lite.TargetSpec(supported_types=[tf.float16])
    _write(path, _converted(model, optimizations=[tf.lite.Optimize.DEFAULT], target_spec=half))


def export_dynamic(model: keras.Model, path: Path) -> None:
    """Write `model` as a LiteRT file of int8 weights and float32 activations, quantized within each operator.

    Weights are quantized per output channel; kernels of under 1,024 weights stay float32, as the converter has it.

    Args:
        model: as `models.network.architectures.build` makes it, of any batch size.
        path: of the file to write.
    """
    _write(path, _converted(model, optimizations=[tf.lite.Optimize.DEFAULT]))


def export_int8(model: keras.Model, path: Path, calibration_images: Iterable[Pixels], *, folds: bool = True) -> None:
    """Write `model` as a LiteRT file whose weights and activations are int8 (arXiv:1712.05877), softmax in float32.

    Weights are quantized per output channel; activations by the range that they take on the calibration images.

    Args:
        model: as `models.network.architectures.build` makes it, of any batch size.
        path: of the file to write.
        calibration_images: uint8 [H, W, 3] each, typical of what the model will see; some hundred are enough.
        folds: batch normalizations (`models.network.folding`); without it those after additions stay, to compare.

    Raises:
        ExportError: the quantized input does not take pixels as they are.
    """
    # Black over white comes first, so that calibration finds the input's range to be 0..255.
    black_over_white = np.zeros(model.input_shape[1:], np.uint8)
    black_over_white[model.input_shape[1] // 2 :] = 255
    images = itertools.chain([black_over_white], calibration_images)
    # Normalized floats here; after quantization uint8, with the normalization as its scale and zero point.
    content = _converted(
        model,
        normalizes=False,
        folds=folds,
        optimizations=[tf.lite.Optimize.DEFAULT],
        target_spec=tf.lite.TargetSpec(supported_ops=[tf.lite.OpsSet.TFLITE_BUILTINS_INT8]),
        representative_dataset=lambda: ([normalize(pixels[None])] for pixels in images),
        inference_input_type=tf.uint8,
        inference_output_type=tf.float32,
    )
    _write_int8(content, path)


def export_fake_quantized(model: keras.Model, path: Path) -> None:
    """Write a model that was trained with fake quantization as the int8 file that it has imitated.

    Args:
        model: of `optimize.quantization.fake_quantization.fake_quantized`, from normalized pixels to logits.
        path: of the file to write.

    Raises:
        ExportError: the quantized input does not take pixels as they are.
    """
    lowest, highest = (float(normalize(tf.constant(pixel, tf.uint8))) for pixel in (0, 255))
    ranged = keras.layers.Lambda(lambda image: tf.quantization.fake_quant_with_min_max_args(image, lowest, highest))
    content = _converted(
        keras.Sequential([keras.Input(model.input_shape[1:]), ranged, model]),
        normalizes=False,
        optimizations=[tf.lite.Optimize.DEFAULT],
        inference_input_type=tf.uint8,
    )
    _write_int8(content, path)


def export_saved_model(
    model: keras.Model, folder: Path, precision: SavedModelPrecision, *, temperature: float = 1.0
) -> None:
    """Write `model` (normalized pixels to logits) as a TensorFlow SavedModel.

    Its signature takes `image`, uint8 [N, H, W, C], and gives `probabilities`, float32 [N, num_classes].

    Args:
        model: as `models.network.architectures.build` makes it, of any batch size.
        folder: to write.
        precision: of weights and computation; normalization, pooling, logits and softmax are float32 in both.
        temperature: that divides the logits. The weights stay as they are.

    Raises:
        ValueError: a weight is beyond the range of float16.
    """
    module = _serving(in_float16(model) if precision == "float16" else model, temperature=temperature)
    tf.saved_model.save(module, str(folder), signatures=module.serve)


def _converted(model: keras.Model, *, normalizes: bool = True, folds: bool = True, **options: Any) -> bytes:
    """Convert a model to a LiteRT file; `options` are the converter's."""
    module = _serving(fold_batch_norms(model) if folds else model, normalizes=normalizes)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=module.serve)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        for name, value in options.items():
            setattr(converter, name, value)
        with quiet_stderr():
            content: bytes = converter.convert()
    return with_short_names(content)


def _serving(model: keras.Model, *, normalizes: bool = True, temperature: float = 1.0) -> tf.Module:
    """Wrap a model as the exported function: `image` (normalized, without `normalizes`) to `probabilities`."""
    image = tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8 if normalizes else tf.float32, name="image")

    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = model(normalize(image) if normalizes else image, training=False)
        return {"probabilities": tf.nn.softmax(logits if temperature == 1 else logits / temperature)}

    module = tf.Module()
    # The variables alone: with the Keras model itself, a SavedModel would hold a second copy of its graph, for Keras.
    module.owned = model.variables
    module.serve = tf.function(serve, input_signature=[image], autograph=False)
    return module


def _write_int8(content: bytes, path: Path) -> None:
    content = relu_as_requantization(softmax_in_float(content))
    with quiet_stderr():
        scale, zero_point = Interpreter(model_content=content).get_input_details()[0]["quantization"]
    if not np.isclose(scale, 1 / PIXEL_STD) or zero_point != PIXEL_MEAN:
        raise ExportError(
            f"input must have scale {1 / PIXEL_STD} and zero point {PIXEL_MEAN:.0f}, got {scale}, {zero_point}"
        )
    _write(path, content)


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
