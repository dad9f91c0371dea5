"""`.tflite` classifiers as others make them: of a few bytes, with weights that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tflite_files
from PIL import Image
from tflite_files import Tensor

SIDE_PX = 8
NUM_CLASSES = 3
LABELS = ("daisy", "rose", "tulip")
PIXELS = np.random.default_rng(3).integers(0, 256, (4, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)


def weights(num_classes: int = NUM_CLASSES, num_channels: int = 3) -> np.ndarray:
    """Of a dense layer on all pixels, float32 [num_classes, SIDE_PX * SIDE_PX * num_channels]."""
    return np.random.default_rng(7).normal(0, 0.05, (num_classes, SIDE_PX**2 * num_channels)).astype(np.float32)


def dense(
    path: Path,
    *,
    kind: str = "FLOAT32",
    scale: float = 1.0,
    zero_point: int = 0,
    num_channels: int = 3,
    channels_first: bool = False,
    ends: str = "SOFTMAX",
    num_classes: int = NUM_CLASSES,
    gain: float = 1.0,
    signature: tuple[int, ...] | None = None,
) -> Path:
    """One dense layer on what it takes; `ends` is the operator behind it, or "" for logits."""
    shape = (1, num_channels, SIDE_PX, SIDE_PX) if channels_first else (1, SIDE_PX, SIDE_PX, num_channels)
    is_quantized = kind != "FLOAT32"
    zero_points = (zero_point,) if is_quantized else ()
    tensors = [
        Tensor(shape, kind, scale=scale, zero_points=zero_points, signature=signature),
        Tensor(shape),
        Tensor((num_classes, SIDE_PX**2 * num_channels), data=gain * weights(num_classes, num_channels)),
        Tensor((1, num_classes)),
    ]
    operators = [("DEQUANTIZE", [0], [1])] if is_quantized else []
    operators.append(("FULLY_CONNECTED", [1 if is_quantized else 0, 2, -1], [3]))
    if ends:
        tensors.append(Tensor((1, num_classes)))
        operators.append((ends, [3], [4]))
    return tflite_files.write(path, tensors, operators)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def dark_or_bright(path: Path) -> Path:
    """Of two labels, tells which by the mean of pixels in the range 0..1, whose middle is between them."""
    slope = 100 / (3 * SIDE_PX**2)
    tensors = [
        Tensor((1, SIDE_PX, SIDE_PX, 3)),
        Tensor((2, 3 * SIDE_PX**2), data=np.array([[-slope], [slope]], np.float32).repeat(3 * SIDE_PX**2, axis=1)),
        Tensor((2,), data=np.array([50, -50], np.float32)),
        Tensor((1, 2)),
        Tensor((1, 2)),
    ]
    return tflite_files.write(path, tensors, [("FULLY_CONNECTED", [0, 1, 2], [3]), ("SOFTMAX", [3], [4])])


def dark_and_bright_photos(folder: Path, *, num_each: int = 12) -> Path:
    """Gray pictures, all but as bright: in no other range is the middle between them."""
    for label, first in (("dark", 100), ("bright", 131)):
        (folder / label).mkdir(parents=True)
        for number in range(num_each):
            gray = np.full((16, 20, 3), first + 2 * number, np.uint8)
            Image.fromarray(gray).save(folder / label / f"{number}.png")
    return folder
