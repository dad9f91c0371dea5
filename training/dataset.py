"""Labelled images: encoded bytes with their classes, split into training, validation and test images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from models.pixels.preprocessing import PixelSpec, preprocess
from models.store.fields import validate_labels
from training.draw import draw, once_each
from training.survey import Survey

DEFAULT_MAX_PIXELS = 250_000_000  # of a photo: the largest phone cameras have 200 megapixels

Pixels = npt.NDArray[np.uint8]
Targets = npt.NDArray[np.int64]
SoftTargets = npt.NDArray[np.float32]  # the part that each class has


class DatasetError(ValueError):
    """The data cannot be used; the message says what was expected and what is there."""


@dataclass(frozen=True, slots=True)
class Split:
    """Images with their classes.

    Attributes:
        targets: int64 [N], index of each image's label.
        read: returns the encoded bytes of image i, as a client would send them.
        names: path of each image in the data set, with "/"; none where images are rows of an array.
        groups: int64 [N], a number that an image shares with its copies, in other splits of the data set too; none
            where images are rows of an array.
    """

    targets: Targets
    read: Callable[[int], bytes]
    names: tuple[str, ...] = ()
    groups: Targets = field(default_factory=lambda: np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.targets)

    def subset(self, indices: Targets) -> Split:
        """Return the images at some indices, int64 [M], in that order."""
        names = tuple(self.names[index] for index in indices) if self.names else ()
        groups = self.groups[indices] if len(self.groups) else self.groups
        return Split(self.targets[indices], lambda index: self.read(int(indices[index])), names, groups)

    def encoded(self) -> Iterator[bytes]:
        """Iterate over the encoded bytes of the images, in order."""
        return (self.read(index) for index in range(len(self)))

    def pixels(self, spec: PixelSpec) -> Pixels:
        """Decode every image by the serving preprocessing into uint8 [N, spec.height_px, spec.width_px, 3]."""
        pixels = np.empty((len(self), spec.height_px, spec.width_px, 3), np.uint8)

        def decode(index: int) -> None:
            preprocess(self.read(index), spec, out=pixels[index])

        with ThreadPoolExecutor() as pool:
            for _ in pool.map(decode, range(len(self))):
                pass
        return pixels


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The draw of the test and validation images from data that has no such sets of its own.

    Attributes:
        test_fraction: part of each class, held out for the figures.
        validation_fraction: part of what is left of each class, held out for every choice: when to stop, which
            checkpoint, which temperature. 0 is that of runs from before there were three sets: the test images have
            both parts.
        seed: makes the draws repeatable.
        validation_from: which images the validation images are a part of: "test" is for a network that has learned
            from all training images before.
    """

    test_fraction: float = 0.15
    validation_fraction: float = 0.15
    seed: int = 0
    validation_from: Literal["train", "test"] = "train"


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read.

    Attributes:
        max_image_pixels: width times height of an image; one with more is left out.
        zip_encoding: Python's name of the encoding of names in a zip file that does not say it; "guess" to guess it.
        known: folder that keeps what was found in photos, which then need not be decoded again; None for none.
    """

    max_image_pixels: int = DEFAULT_MAX_PIXELS
    zip_encoding: str = "guess"
    known: Path | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One of the data sets that were joined; in each set of the whole its images follow those of the one before.

    Attributes:
        age: "old", what a network has learned from before, or "new".
        name: of its file or folder.
        sha256: as `Dataset.sha256`.
        num_train: its training images.
        num_validation: its validation images.
        num_test: its test images.
    """

    age: Literal["old", "new"]
    name: str
    sha256: str
    num_train: int
    num_validation: int
    num_test: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """Images to learn from, images to choose by, and images for the figures.

    Attributes:
        name: file or folder name of the source.
        sha256: digest of the source file; for a folder, of the list of its images' paths and digests.
        labels: class names, in the order of the targets.
        train: the training images.
        validation: the images that every choice is made by; no weight learns from them.
        test: the images that the figures are of; nothing is chosen by them.
        held_out: how the test images were drawn; None where the data has a test set of its own.
        survey: what was found in it.
        sources: of which it was joined; empty for a data set of its own.

    Raises:
        DatasetError: a manifest cannot hold the labels.
    """

    name: str
    sha256: str
    labels: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    held_out: HeldOut | None = None
    survey: Survey = field(kw_only=True)
    sources: tuple[Source, ...] = field(default=(), kw_only=True)

    @property
    def has_validation(self) -> bool:
        """Tell if there are validation images; else, as in runs of before, the test images have their part too."""
        return self.validation is not self.test

    def __post_init__(self) -> None:
        try:
            validate_labels(self.labels)
        except ValueError as error:
            where = "rename the folder of that class, or in an .npz file the entry of its labels"
            raise DatasetError(f"{self.name}: {error}: {where}") from error


def three_sets(train: Split, test: Split, held_out: HeldOut) -> tuple[Split, Split, Split]:
    """Draw the validation images, by class and group of copies, from the training images or from the test images.

    Returns:
        Training, validation and test images.

    Raises:
        DatasetError: no class has two images to draw from.
    """
    if not held_out.validation_fraction:
        return train, test, test
    whole = train if held_out.validation_from == "train" else test
    groups = whole.groups if len(whole.groups) else np.arange(len(whole))
    drawn = draw(whole.targets, groups, held_out.validation_fraction, (held_out.seed, 1))
    if not len(drawn):
        raise DatasetError(
            "no class has two different training images, one to learn from and one to choose by: with those to test on "
            "a class needs three photos"
        )
    rest = whole.subset(np.setdiff1d(np.arange(len(whole)), drawn))
    validation = whole.subset(once_each(drawn, groups))
    return (rest, validation, test) if whole is train else (train, validation, rest)


def file_sha256(path: Path) -> str:
    """Return the hex digest of a file's bytes, which are read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
