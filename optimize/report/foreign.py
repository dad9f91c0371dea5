"""A `.tflite` classifier from elsewhere, made to take uint8 pixels and give probabilities as ours do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from models.errors import RunFailed
from models.runtime.tensors import Images, Probabilities, Signature

Numbers = npt.NDArray[Any]

_INPUT_DTYPES = ("uint8", "int8", "float32")
_OUTPUT_DTYPES = ("uint8", "int8", "float32")


class ForeignClassifier:
    """A `models.runtime.Runtime` on one LiteRT interpreter.

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
            self._interpreter.allocate_tensors()
            images, answers = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (ValueError, RuntimeError):
            raise ValueError(f"{path.name} cannot be loaded by LiteRT") from None
        if len(images) != 1 or len(answers) != 1:
            raise ValueError(f"{path.name} must have one input and one output, got {len(images)} and {len(answers)}")
        self._input, self._output = images[0], answers[0]
        self.input_shape = _input_shape(path.name, self._input)
        self.input_dtype = np.dtype(self._input["dtype"]).name
        self._values = pixel_values(self._input["dtype"], *self._input["quantization"])
        _check_output(path.name, self._output, num_classes)
        self._signature = Signature(self.input_shape, num_classes)
        self._batch_size = int(self._input["shape"][0])
        self._takes_batches = self._lay_out(2) and self._lay_out(1)

    def run(self, images: Images) -> Probabilities:
        """Classify N images, uint8 [H, W, 3] each, into float32 [N, C]; a file for one at a time gets them so.

        Raises:
            RunFailed: LiteRT reports an error.
        """
        self._signature.check_images(images)
        values = self._values[np.stack(list(images))]
        batches = [values] if self._takes_batches else [values[index : index + 1] for index in range(len(values))]
        return np.concatenate([self._run(batch) for batch in batches])

    def close(self) -> None:
        """Free the interpreter; a second call does nothing."""
        self.__dict__.pop("_interpreter", None)

    def _run(self, values: Numbers) -> Probabilities:
        if not self._lay_out(len(values)):
            raise RunFailed(f"{self._name} cannot be run by LiteRT on {len(values)} images")
        self._interpreter.set_tensor(self._input["index"], values)
        try:
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise RunFailed(f"LiteRT failed on {len(values)} images") from error
        answers = self._interpreter.get_tensor(self._output["index"]).reshape(-1, self._signature.num_classes)
        scale, zero_point = self._output["quantization"]
        return probabilities(answers, scale=scale, zero_point=zero_point)

    def _lay_out(self, batch_size: int) -> bool:
        """Whether the interpreter now takes batches of that size, and answers each image of one."""
        if batch_size != self._batch_size:
            try:
                self._batch_size = 0  # unknown, should this fail
                self._interpreter.resize_tensor_input(self._input["index"], [batch_size, *self.input_shape])
                self._interpreter.allocate_tensors()
            except (ValueError, RuntimeError):
                return False
            self._batch_size = batch_size
        answers = self._interpreter.get_output_details()[0]["shape"]
        return int(np.prod(answers)) == batch_size * self._signature.num_classes


def pixel_values(dtype: Any, scale: float, zero_point: int) -> Numbers:
    """What each pixel value becomes in the input's type, [256].

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


def probabilities(answers: Numbers, *, scale: float, zero_point: int) -> Probabilities:
    """Dequantize answers, [N, C]; rows that are logits, as they do not sum to 1, go through a softmax.

    Args:
        answers: as the file gives them.
        scale: of their quantization; 0 where they have none.
        zero_point: of their quantization.
    """
    values = answers.astype(np.float32)
    if scale:
        values = (values - zero_point) * np.float32(scale)
    # Rounding moves each value by half a step at most.
    tolerance = 0.01 + values.shape[1] * scale / 2
    are_probabilities = (values.min(axis=1) >= 0) & (np.abs(values.sum(axis=1) - 1) <= tolerance)
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    softmax = powers / powers.sum(axis=1, keepdims=True)
    found: Probabilities = np.where(are_probabilities[:, None], values, softmax).astype(np.float32)
    return found


def _input_shape(name: str, details: dict[str, Any]) -> tuple[int, int, int]:
    shape = [int(size) for size in details["shape_signature"]]
    if len(shape) != 4 or shape[3] != 3 or min(shape[1:]) < 1:
        raise ValueError(f"{name} must take images of a fixed size, [N, H, W, 3], it takes {shape}")
    return shape[1], shape[2], shape[3]


def _check_output(name: str, details: dict[str, Any], num_classes: int) -> None:
    shape, dtype = [int(size) for size in details["shape"]], np.dtype(details["dtype"]).name
    if dtype not in _OUTPUT_DTYPES or shape[-1:] != [num_classes]:
        raise ValueError(f"{name} must give [N, {num_classes}] numbers of 8 bits or float32, it gives {dtype} {shape}")
