"""Labelled images: encoded bytes with their classes, split into what is learned from and what is measured on."""

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
    """The data cannot be used; the message says what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class Split:
    """Images with their classes.

    Attributes:
        targets: int64 [N], index of each image's label.
        read: the encoded bytes of image i, as a client would send them.
    """

    targets: Targets
    read: Callable[[int], bytes]

    def __len__(self) -> int:
        return len(self.targets)

    def encoded(self) -> Iterator[bytes]:
        """The encoded bytes of every image, in order."""
        return (self.read(index) for index in range(len(self)))

    def pixels(self, spec: PixelSpec, cache: Path | None = None) -> Pixels:
        """Every image through the serving preprocessing: uint8 [N, spec.height_px, spec.width_px, 3].

        Args:
            spec: what to make of each image.
            cache: a file to keep the pixels in, so that they need not fit into memory nor be decoded again.
        """
        shape = (len(self), spec.height_px, spec.width_px, 3)
        if cache is None:
            return self._decode_into(np.empty(shape, np.uint8), spec)
        if not cache.exists():
            with replacing(cache) as temporary:
                mapped = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
                self._decode_into(mapped, spec).flush()  # type: ignore[attr-defined]  # it returns what it was given
        found: Pixels = np.load(cache, mmap_mode="r")
        if found.shape != shape:
            raise DatasetError(f"the pixel cache {cache.name} holds {found.shape}, expected {shape}: delete it")
        return found

    def _decode_into(self, pixels: Pixels, spec: PixelSpec) -> Pixels:
        def decode(index: int) -> None:
            preprocess(self.read(index), spec, out=pixels[index])

        with ThreadPoolExecutor() as pool:
            for _ in pool.map(decode, range(len(self))):
                pass
        return pixels


@dataclass(frozen=True, slots=True)
class HeldOut:
    """How the test images were drawn from data without a test set of its own.

    Attributes:
        test_fraction: of each class.
        seed: of the draw.
    """

    test_fraction: float
    seed: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """Training and test images.

    Attributes:
        name: file or folder name of the source.
        sha256: of the source file; for a folder, of the list of its images' paths and digests.
        labels: class names, in the order of the targets; DatasetError where a manifest could not hold them.
        train: what the network learns from.
        test: what it is measured on.
        held_out: how those were drawn; None where the data has a test set of its own.
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
    """Hex digest of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
