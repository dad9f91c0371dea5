"""Checks a classifier's input and output tensors, for all runtimes alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from models.errors import CorruptArtifact

Images: TypeAlias = Sequence[npt.NDArray[np.uint8]] | npt.NDArray[np.uint8]
Probabilities: TypeAlias = npt.NDArray[np.float32]

UINT8 = np.dtype(np.uint8)


@dataclass(frozen=True, slots=True)
class TensorType:
    """Type and shape of one input or output of a model file; -1 stands for any size."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} [{', '.join(str(size) for size in self.shape)}]"


@dataclass(frozen=True, slots=True)
class Signature:
    """The tensors of a classifier: uint8 images in, float32 probabilities out.

    Attributes:
        input_shape: height, width, channels.
        num_classes: length of each row of probabilities.
    """

    input_shape: tuple[int, int, int]
    num_classes: int

    def check_model(self, name: str, *, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> None:
        """Compare with the inputs and outputs of the file `name`.

        Raises:
            CorruptArtifact: they differ in more than the size of the batch.
        """
        if [(tensor.dtype, tensor.shape[1:]) for tensor in inputs] != [("uint8", self.input_shape)]:
            raise CorruptArtifact(f"{name} must take uint8 [N, {self._pixels}], it takes {_listed(inputs)}")
        if [(tensor.dtype, tensor.shape[1:]) for tensor in outputs] != [("float32", (self.num_classes,))]:
            raise CorruptArtifact(f"{name} must give float32 [N, {self.num_classes}], it gives {_listed(outputs)}")

    def check_images(self, images: Images) -> None:
        """Raise ValueError unless `images` is at least one image of the right type and shape."""
        if not len(images):
            raise ValueError("images must be at least one, got none")
        for image in images[:1] if isinstance(images, np.ndarray) else images:  # those of an array are alike
            if image.dtype != UINT8 or image.shape != self.input_shape:
                got = f"{image.dtype} {list(image.shape)}"
                raise ValueError(f"images must be uint8 [{self._pixels}] each, got {got}")

    @property
    def _pixels(self) -> str:
        return ", ".join(str(size) for size in self.input_shape)


def copy_images(images: Images, memory: npt.NDArray[np.uint8]) -> None:
    """Copy each image once into its row of `memory`, uint8 [>= N, H, W, 3]; further rows stay unchanged."""
    for row, image in enumerate(images):
        memory[row] = image


def _listed(tensors: Sequence[TensorType]) -> str:
    return " and ".join(str(tensor) for tensor in tensors) or "nothing"
