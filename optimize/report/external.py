"""Run a `.tflite` classifier from elsewhere as ours are run: uint8 pixels in, probabilities out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from models.errors import RunFailed
from models.quiet_stderr import quiet_stderr
from models.runtime.tensors import Images, Probabilities, Signature

Numbers = npt.NDArray[Any]

_INPUT_DTYPES = ("uint8", "int8", "float32")
_OUTPUT_DTYPES = ("uint8", "int8", "float32")


class ExternalClassifier:
    """Run one file with LiteRT, as a `models.runtime.Runtime`.

    Attributes:
        input_shape: height, width and 3 channels that it takes.
        input_dtype: "uint8", "int8" or "float32": what a pixel is turned into.
    """

    def __init__(self, path: Path, *, num_classes: int, num_threads: int = 1) -> None:
        """Load a file that takes raw pixels: real values 0..255, quantized where its input is.

        Raises:
            ValueError: LiteRT cannot load it, or it is no such classifier; the message says what is expected.
        """
        self._name = path.name
        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=num_threads)
            with quiet_stderr():
                self._interpreter.allocate_tensors()
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (ValueError, RuntimeError):
            raise ValueError(f"{path.name} cannot be loaded by LiteRT") from None
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(f"{path.name} must have one input and one output, got {len(inputs)} and {len(outputs)}")
        self._input, self._output = inputs[0], outputs[0]
        shape = [int(size) for size in self._input["shape_signature"]]
        if len(shape) != 4 or shape[3] != 3 or min(shape[1:]) < 1:
            raise ValueError(f"{path.name} must take images of a fixed size, [N, H, W, 3], it takes {shape}")
        self.input_shape = shape[1], shape[2], shape[3]
        self.input_dtype = np.dtype(self._input["dtype"]).name
        self._values = pixel_values(self._input["dtype"], *self._input["quantization"])
        shape, dtype = [int(size) for size in self._output["shape"]], np.dtype(self._output["dtype"]).name
        if dtype not in _OUTPUT_DTYPES or shape[-1:] != [num_classes]:
            raise ValueError(
                f"{path.name} must give [N, {num_classes}] numbers of 8 bits or float32, it gives {dtype} {shape}"
            )
        self._signature = Signature(self.input_shape, num_classes)
        self._batch_size = int(self._input["shape"][0])
        self._takes_batches = self._resize_batch(2) and self._resize_batch(1)

    def run(self, images: Images) -> Probabilities:
        """Classify N images, uint8 [H, W, 3] each, into float32 [N, C]; one by one if the file takes no batch.

        Raises:
            RunFailed: LiteRT reports an error.
        """
        self._signature.check_images(images)
        values = self._values[np.stack(list(images))]
        parts = []
        for batch in [values] if self._takes_batches else np.split(values, len(values)):
            if not self._resize_batch(len(batch)):
                raise RunFailed(f"{self._name} cannot be run by LiteRT on {len(batch)} images")
            self._interpreter.set_tensor(self._input["index"], batch)
            try:
                self._interpreter.invoke()
            except (ValueError, RuntimeError) as error:
                raise RunFailed(f"LiteRT failed on {len(batch)} images") from error
            outputs = self._interpreter.get_tensor(self._output["index"]).reshape(-1, self._signature.num_classes)
            scale, zero_point = self._output["quantization"]
            parts.append(probabilities(outputs, scale=scale, zero_point=zero_point))
        return np.concatenate(parts)

    def close(self) -> None:
        """Free the interpreter; a second call does nothing."""
        self.__dict__.pop("_interpreter", None)

    def _resize_batch(self, batch_size: int) -> bool:
        """Resize the input; returns whether the file takes batches of that size and answers each image."""
        if batch_size != self._batch_size:
            try:
                self._batch_size = 0  # unknown, should this fail
                self._interpreter.resize_tensor_input(self._input["index"], [batch_size, *self.input_shape])
                self._interpreter.allocate_tensors()
            except (ValueError, RuntimeError):
                return False
            self._batch_size = batch_size
        output_shape = self._interpreter.get_output_details()[0]["shape"]
        return int(np.prod(output_shape)) == batch_size * self._signature.num_classes


def pixel_values(dtype: Any, scale: float, zero_point: int) -> Numbers:
    """Convert each pixel value, 0 to 255, to the input's type; returns [256].

    A uint8 input that is quantized from normalized values, as converters make it, takes pixels as they are.

    Args:
        dtype: of the input.
        scale: of its quantization; 0 where it has none.
        zero_point: of its quantization.

    Raises:
        ValueError: the input is not of a type that takes raw pixels.
    """
    name = np.dtype(dtype).name
    pixels = np.arange(256)
    if name not in _INPUT_DTYPES:
        raise ValueError(f"the input must be one of {', '.join(_INPUT_DTYPES)}, got {name}")
    if name == "float32":
        return pixels.astype(np.float32)
    takes_raw_pixels = 255 * scale > 128  # the range of its values, against 255 for pixels and about 2 for normalized
    if not takes_raw_pixels and name == "uint8":
        return pixels.astype(np.uint8)
    if not takes_raw_pixels:
        raise ValueError(f"the input must take raw pixels, 0..255; its int8 values have scale {scale:g}")
    limits = np.iinfo(name)
    quantized = np.rint(pixels / scale) + zero_point
    values: Numbers = np.clip(quantized, limits.min, limits.max).astype(name)
    return values


def probabilities(outputs: Numbers, *, scale: float, zero_point: int) -> Probabilities:
    """Dequantize outputs, [N, C], and apply a softmax to rows that are logits: those that do not sum to 1.

    Args:
        outputs: as the file gives them.
        scale: of their quantization; 0 where they have none.
        zero_point: of their quantization.
    """
    values = outputs.astype(np.float32)
    if scale:
        values = (values - zero_point) * np.float32(scale)
    # Rounding moves each value by half a step at most.
    tolerance = 0.01 + values.shape[1] * scale / 2
    are_probabilities = (values.min(axis=1) >= 0) & (np.abs(values.sum(axis=1) - 1) <= tolerance)
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    softmax = powers / powers.sum(axis=1, keepdims=True)
    found: Probabilities = np.where(are_probabilities[:, None], values, softmax).astype(np.float32)
    return found
