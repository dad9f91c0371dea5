"""Reads a data set of arrays, as one .npz file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from training.dataset import Dataset, DatasetError, Pixels, Split, file_sha256


def load_npz(path: Path) -> Dataset:
    """Open an .npz file; see `training.data.load_dataset`."""
    expected = ("x_train", "y_train", "x_test", "y_test", "labels")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = [name for name in expected if name not in arrays]
            if missing:
                raise DatasetError(f"{path.name} lacks {', '.join(missing)}; it has {', '.join(arrays) or 'nothing'}")
            values = {name: arrays[name] for name in expected}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path.name} cannot be read as an .npz file of plain arrays") from error
    labels = _labels(values["labels"])
    train, test = (_array_split(values[f"x_{part}"], values[f"y_{part}"], labels, part) for part in ("train", "test"))
    return Dataset(path.stem, file_sha256(path), labels, train, test)


def _labels(names: npt.NDArray[Any]) -> tuple[str, ...]:
    """Text, or UTF-8 as in CIFAR's own files, whose names are bytes."""
    try:
        return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in names)
    except UnicodeDecodeError as error:
        raise DatasetError(f"labels must be text or UTF-8: {error}") from error


def _array_split(images: npt.NDArray[Any], targets: npt.NDArray[Any], labels: Sequence[str], part: str) -> Split:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise DatasetError(f"x_{part} must be uint8 [N, H, W, 3], got {images.dtype} {list(images.shape)}")
    targets = targets.reshape(-1).astype(np.int64)
    if len(targets) != len(images) or not len(images):
        raise DatasetError(
            f"x_{part} and y_{part} must be of the same length, at least 1: {len(images)}, {len(targets)}"
        )
    if targets.min() < 0 or targets.max() >= len(labels):
        raise DatasetError(f"y_{part} must be in 0..{len(labels) - 1}, got {targets.min()}..{targets.max()}")
    return Split(targets, lambda index: encode_png(images[index]))


def encode_png(pixels: Pixels) -> bytes:
    """One image, uint8 [H, W, 3], as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
