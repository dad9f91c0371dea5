"""Labelled images: encoded bytes with their classes, split into training and test images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.pixels.preprocessing import PixelSpec, preprocess
from models.store.durable import replacing
from models.store.fields import validate_labels

Pixels = npt.NDArray[np.uint8]
Targets = npt.NDArray[np.int64]


class DatasetError(ValueError):
    """The data cannot be used; the message says what was expected and what is there."""


@dataclass(frozen=True, slots=True)
class Split:
    """Images with their classes.

    Attributes:
        targets: int64 [N], index of each image's label.
        read: returns the encoded bytes of image i, as a client would send them.
        names: path of each image in the data set, with "/"; none where images are rows of an array.
    """

    targets: Targets
    read: Callable[[int], bytes]
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.targets)

    def encoded(self) -> Iterator[bytes]:
        """Iterate over the encoded bytes of the images, in order."""
        return (self.read(index) for index in range(len(self)))

    def pixels(self, spec: PixelSpec, cache: Path | None = None) -> Pixels:
        """Decode every image by the serving preprocessing into uint8 [N, spec.height_px, spec.width_px, 3].

        Args:
            spec: size and crop of the result.
            cache: a file that keeps the pixels, so that they need not fit into memory and are decoded once.
        """
        shape = (len(self), spec.height_px, spec.width_px, 3)
        if cache is None:
            return self._decode_into(np.empty(shape, np.uint8), spec)
        if not cache.exists():
            with replacing(cache) as temporary:
                mapped = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
                self._decode_into(mapped, spec).flush()  # type: ignore[attr-defined]  # it returns what it was given
        pixels: Pixels = np.load(cache, mmap_mode="r")
        if pixels.shape != shape:
            raise DatasetError(f"the pixel cache {cache.name} holds {pixels.shape}, expected {shape}: delete it")
        return pixels

    def _decode_into(self, pixels: Pixels, spec: PixelSpec) -> Pixels:
        def decode(index: int) -> None:
            preprocess(self.read(index), spec, out=pixels[index])

        with ThreadPoolExecutor() as pool:
            for _ in pool.map(decode, range(len(self))):
                pass
        return pixels


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The draw of the test images from data without a test set of its own.

    Attributes:
        test_fraction: part of each class.
        seed: makes the draw repeatable.
    """

    test_fraction: float
    seed: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """Training and test images.

    Attributes:
        name: file or folder name of the source.
        sha256: digest of the source file; for a folder, of the list of its images' paths and digests.
        labels: class names, in the order of the targets.
        train: the training images.
        test: the test images.
        held_out: how the test images were drawn; None where the data has a test set of its own.

    Raises:
        DatasetError: a manifest cannot hold the labels.
    """

    name: str
    sha256: str
    labels: tuple[str, ...]
    train: Split
    test: Split
    held_out: HeldOut | None = None

    def __post_init__(self) -> None:
        try:
            validate_labels(self.labels)
        except ValueError as error:
            raise DatasetError(f"{self.name}: {error}") from error


def file_sha256(path: Path) -> str:
    """Return the hex digest of a file's bytes, which are read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
