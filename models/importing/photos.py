"""Labelled photos, by which a foreign model is tried, calibrated and measured: a folder for each label."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.errors import ArtifactError, ImageError
from models.measuring.metrics import Targets
from models.pixels.preprocessing import Pixels, PixelSpec, preprocess
from models.predict.pictures import Pictures, UnusableSource, open_pictures, shown_name
from models.runtime import Runtime
from models.runtime.tensors import Probabilities

MAX_BYTES = 32 * 1024**2
BATCH_SIZE = 16


class UnusablePhotos(ArtifactError):
    """Photos are not in folders that are called as labels, are too few, or cannot be read."""

    code = "unusable_photos"


@dataclass(frozen=True, slots=True)
class Photos:
    """Some photos with their labels.

    Attributes:
        pictures: that they are among.
        numbers: which of them these are.
        targets: int64 [N], index of each photo's label.
    """

    pictures: Pictures
    numbers: tuple[int, ...]
    targets: Targets

    def __len__(self) -> int:
        return len(self.numbers)

    def subset(self, places: Sequence[int]) -> Photos:
        """Return the photos at some places."""
        return Photos(self.pictures, tuple(self.numbers[place] for place in places), self.targets[list(places)])

    def halves(self) -> tuple[Photos, Photos]:
        """Return one half to choose by and one to report on, each with as many photos of a label, give or take one."""
        names = [self.pictures.names[number].encode(errors="replace") for number in self.numbers]
        seen: Counter[int] = Counter()
        parts: tuple[list[int], list[int]] = ([], [])
        for place in sorted(range(len(self)), key=lambda place: hashlib.sha256(names[place]).digest()):
            target = int(self.targets[place])
            parts[seen[target] % 2].append(place)
            seen[target] += 1
        if not parts[1]:
            raise UnusablePhotos("the photos must be at least two of a label: one to choose by, and one to report on")
        return self.subset(parts[0]), self.subset(parts[1])

    def pixels(self, spec: PixelSpec) -> list[Pixels]:
        """Decode and fit all of them, uint8 [H, W, 3] each."""

        def fitted(number: int) -> Pixels:
            name = shown_name(self.pictures.names[number])
            try:
                return preprocess(self.pictures.read(number, MAX_BYTES), spec)
            except ImageError as error:
                raise UnusablePhotos(f"the photo {name} cannot be used: {error}") from error

        with ThreadPoolExecutor() as pool:
            return list(pool.map(fitted, self.numbers))

    def answers(self, runtime: Runtime, spec: PixelSpec) -> Probabilities:
        """Have a model answer all of them, float32 [N, C]."""
        starts = range(0, len(self), BATCH_SIZE)
        batches = (self.subset(range(start, min(start + BATCH_SIZE, len(self)))).pixels(spec) for start in starts)
        return np.concatenate([runtime.run(batch) for batch in batches])


def open_photos(source: Path, labels: Sequence[str]) -> Photos:
    """List the photos of a folder or zip file by the folder that each is in.

    Args:
        source: the folder or zip file.
        labels: of the classes. A folder may be called as a label, or as the first of several names in it ("tench" for
            "tench, Tinca tinca"), in letters of either case, and with _ for a space.

    Raises:
        UnusablePhotos: a photo is in a folder of another name, or there are no photos.
    """
    try:
        pictures = open_pictures(str(source))
    except UnusableSource as error:
        raise UnusablePhotos(f"the photos cannot be used: {error}") from error
    by_name = {name: index for name, index in _names(labels).items() if index is not None}
    targets = []
    for name in pictures.names:
        folder = name.rpartition("/")[0].rpartition("/")[2]
        target = labels.index(folder) if folder in labels else by_name.get(_folded(folder))
        if target is None:
            some = ", ".join(repr(label) for label in labels[:3])
            raise UnusablePhotos(
                f"each photo must be in a folder that is called as a label, such as {some}; {shown_name(name)!r} is not"
            )
        targets.append(target)
    return Photos(pictures, tuple(range(len(targets))), np.array(targets, np.int64))


def _names(labels: Sequence[str]) -> dict[str, int | None]:
    """Return the label of each name that a folder may have; None where it is that of two."""
    found: dict[str, int | None] = {}
    for index, label in enumerate(labels):
        for name in {_folded(label), _folded(label.split(",")[0])}:
            found[name] = None if name in found else index
    return found


def _folded(name: str) -> str:
    return name.replace("_", " ").strip().casefold()
