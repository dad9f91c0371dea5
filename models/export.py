"""Keras model in, deployable file out: uint8 pixels to probabilities, normalization and softmax inside."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras
from ai_edge_litert.interpreter import Interpreter

from models.float16 import in_float16
from models.normalization import PIXEL_MEAN, PIXEL_STD, normalize
from models.tflite_graph import softmax_in_float

Pixels = npt.NDArray[np.uint8]
Precision = Literal["float32", "int8"]
SavedModelPrecision = Literal["float32", "float16"]


class ExportError(RuntimeError):
    """The converter made something else than was asked for."""


def export_float32(model: keras.Model, path: Path) -> None:
    """Write `model` (normalized pixels to logits) as a float32 LiteRT file.

    Args:
        model: as `models.resnet_v2.build` makes it, of any batch size.
        path: of the file to write.
    """
    image = tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8, name="image")
    path.write_bytes(_converted(model, image, lambda pixels: model(normalize(pixels), training=False)))


def export_int8(model: keras.Model, path: Path, calibration_images: Iterable[Pixels]) -> None:
    """Write `model` as a LiteRT file whose weights and activations are int8 (arXiv:1712.05877), softmax in float32.

    Weights are quantized per output channel; activations by the range that they take on the calibration images.

    Args:
        model: as `models.resnet_v2.build` makes it, of any batch size.
        path: of the file to write.
        calibration_images: uint8 [H, W, 3] each, typical of what the model will see; some hundred are enough.

    Raises:
        ExportError: the quantized input does not take pixels as they are.
    """
    # Normalized floats here; after quantization uint8, with the normalization as its scale and zero point.
    image = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32, name="image")
    images = _with_full_range(calibration_images, model.input_shape[1:])
    content = _converted(
        model,
        image,
        lambda normalized: model(normalized, training=False),
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=lambda: ([normalize(pixels[None])] for pixels in images),
        inference_input_type=tf.uint8,
        inference_output_type=tf.float32,
    )
    content = softmax_in_float(content)
    _check_input(content)
    path.write_bytes(content)


def export_saved_model(model: keras.Model, folder: Path, precision: SavedModelPrecision) -> None:
    """Write `model` (normalized pixels to logits) as a TensorFlow SavedModel.

    Its signature takes `image`, uint8 [N, H, W, C], and gives `probabilities`, float32 [N, num_classes].

    Args:
        model: as `models.resnet_v2.build` makes it, of any batch size.
        folder: to write.
        precision: of weights and computation; normalization, pooling, logits and softmax are float32 in both.

    Raises:
        ValueError: a weight is beyond the range of float16.
    """
    network = in_float16(model) if precision == "float16" else model
    image = tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8, name="image")
    # The variables alone: with the Keras model itself, the folder would hold a second copy of its graph, for Keras.
    module = _serving(image, lambda pixels: network(normalize(pixels), training=False), network.variables)
    tf.saved_model.save(module, str(folder), signatures=module.serve)


def _converted(model: keras.Model, image: tf.TensorSpec, logits: Any, **options: Any) -> bytes:
    module = _serving(image, logits, model)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=module.serve)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if "representative_dataset" in options:
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        for name, value in options.items():
            setattr(converter, name, value)
        content: bytes = converter.convert()
    return content


def _serving(image: tf.TensorSpec, logits: Any, owner: Any) -> tf.Module:
    module = tf.Module()
    module.owner = owner  # of the variables that `logits` reads
    module.serve = tf.function(
        lambda image: {"probabilities": tf.nn.softmax(logits(image))}, input_signature=[image], autograph=False
    )
    return module


def _with_full_range(images: Iterable[Pixels], shape: tuple[int, int, int]) -> Iterator[Pixels]:
    """Begin with black over white: calibration then finds the input's range to be 0..255, whatever the images."""
    black_over_white = np.zeros(shape, np.uint8)
    black_over_white[shape[0] // 2 :] = 255
    yield black_over_white
    yield from images


def _check_input(content: bytes) -> None:
    interpreter = Interpreter(model_content=content)
    scale, zero_point = interpreter.get_input_details()[0]["quantization"]
    if not np.isclose(scale, 1 / PIXEL_STD) or zero_point != PIXEL_MEAN:
        raise ExportError(
            f"input must have scale {1 / PIXEL_STD} and zero point {PIXEL_MEAN:.0f}, got {scale}, {zero_point}"
        )
