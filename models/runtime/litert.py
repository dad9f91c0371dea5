"""The CPU runtime: LiteRT with its XNNPACK kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from models.errors import CorruptArtifact


class LiteRTRuntime:
    """One LiteRT interpreter.

    Its memory is laid out for one batch size at a time: a call with another number of images lays it out anew. `run`
    releases the GIL while it computes, and copies pixels and probabilities once each, in and out of that memory.
    """

    def __init__(
        self, path: Path, *, input_shape: tuple[int, int, int], num_classes: int, num_threads: int = 1
    ) -> None:
        """Load a `.tflite` file.

        Args:
            path: of the file.
            input_shape: height, width and channels that it must take, as uint8.
            num_classes: of the float32 probabilities that it must give.
            num_threads: fixed for the interpreter's life.

        Raises:
            CorruptArtifact: the file cannot be loaded, or takes or gives something else.
        """
        if num_threads < 1:
            raise ValueError(f"num_threads must be >= 1, got {num_threads}")
        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=num_threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError):
            raise CorruptArtifact(f"{path.name} cannot be loaded by LiteRT") from None
        [self._input], [self._output] = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self._input_shape = input_shape
        self._batch_size = int(self._input["shape"][0])
        self._check(path.name, num_classes)

    def run(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Classify uint8 [N, H, W, 3] into probabilities, float32 [N, C]; N may be any number >= 1."""
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != self._input_shape or not len(pixels):
            raise ValueError(f"pixels must be uint8 [N, {_dims(self._input_shape)}], got {pixels.dtype} {pixels.shape}")
        if len(pixels) != self._batch_size:
            self._interpreter.resize_tensor_input(self._input["index"], pixels.shape)
            self._interpreter.allocate_tensors()
            self._batch_size = len(pixels)
        self._interpreter.set_tensor(self._input["index"], pixels)
        self._interpreter.invoke()
        probabilities: npt.NDArray[np.float32] = self._interpreter.get_tensor(self._output["index"])
        return probabilities

    def close(self) -> None:
        """Free the interpreter; a second call does nothing."""
        self.__dict__.pop("_interpreter", None)

    def _check(self, name: str, num_classes: int) -> None:
        taken = (self._input["dtype"], tuple(self._input["shape"][1:]))
        if taken != (np.uint8, self._input_shape):
            raise CorruptArtifact(
                f"{name} must take uint8 [N, {_dims(self._input_shape)}], it takes {_described(self._input)}"
            )
        given = (self._output["dtype"], tuple(self._output["shape"][1:]))
        if given != (np.float32, (num_classes,)):
            raise CorruptArtifact(f"{name} must give float32 [N, {num_classes}], it gives {_described(self._output)}")


def _dims(shape: tuple[int, ...]) -> str:
    return ", ".join(str(int(size)) for size in shape)


def _described(details: dict[str, Any]) -> str:
    return f"{np.dtype(details['dtype']).name} [{_dims(tuple(details['shape_signature']))}]"
