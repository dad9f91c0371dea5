"""The look at a data set before anything is trained: what is in it, what is left out and why, what is there twice."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.plural import how_many
from models.store.calibration import MIN_SCORES
from training.mirrored import classes_that_mirroring_may_change

SETS = ("train", "validation", "test")
MAX_NAMES = 5  # of a kind of files
_MAX_CLASSES, _MAX_SHOWN, _MAX_PAIRS = 20, 3, 10
FEW = 10  # images to learn from
ALL_LABELS = f"coverage=0.95 of the server will give all labels: it takes {MIN_SCORES} validation images, not {{}}"

Size = tuple[int, int]


class Kind(NamedTuple):
    """What some files are, said of one and of several: "empty file", "empty files"."""

    one: str
    several: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Files that are not used, of one kind.

    Attributes:
        kind: what they are, after their count, as in "20 HEIC images" or "1 HEIC image".
        count: of them.
        names: paths of the first of them.
        reason: what is wrong with the first, or what to do.
    """

    kind: str
    count: int
    names: tuple[str, ...]
    reason: str = ""

    @classmethod
    def of(cls, kind: Kind, paths: Sequence[str], reason: str = "") -> LeftOut:
        """Sum up the files of one kind."""
        return cls(kind.one if len(paths) == 1 else kind.several, len(paths), tuple(paths[:MAX_NAMES]), reason)

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.count} {self.kind}{reason}: {_listed(self.names, self.count)}"


@dataclass(frozen=True, slots=True)
class CopyGroup:
    """Photos that are one picture.

    Attributes:
        names: their paths.
        labels: the class of each.
        sets: the set of each: train, validation, test; or "left out", where another one counts.
        same_bytes: the files are equal; else the pictures are, or nearly so.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    sets: tuple[str, ...]
    same_bytes: bool

    def __str__(self) -> str:
        return " = ".join(self.names[:_MAX_SHOWN]) + (" = ..." if len(self.names) > _MAX_SHOWN else "")


@dataclass(frozen=True, slots=True)
class Survey:
    """What a data set holds.

    Attributes:
        name: of the data set.
        counts: of each label, the number of images in train, validation and test.
        split: how the sets came to be, a sentence.
        sizes: width and height of the least, the median and the largest image by area; empty where all are rows of an
            array.
        left_out: files that are not used.
        copies: groups of images that are one picture.
        notes: what a person should know, a sentence each.
    """

    name: str
    counts: Mapping[str, Mapping[str, int]]
    split: str
    sizes: Mapping[str, Size]
    left_out: tuple[LeftOut, ...] = ()
    copies: tuple[CopyGroup, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """Yield the lines for a terminal; what it cannot show of a name is escaped."""
        return map(printable, self._lines())

    def _lines(self) -> Iterator[str]:
        totals = {part: sum(counts[part] for counts in self.counts.values()) for part in SETS}
        yield (
            f"{self.name}: {len(self.counts)} classes, {totals['train']} training, {totals['validation']} validation "
            f"and {how_many(totals['test'], 'test image')}; {self.split}"
        )
        yield from self.class_lines()
        if self.sizes:
            sizes = (f"{name} {width} x {height}" for name, (width, height) in self.sizes.items())
            yield f"  sizes in px: {', '.join(sizes)}"
        yield from (f"  left out: {files}" for files in self.left_out)
        yield from self.copy_lines()
        yield from (f"  note: {note}" for note in self.warnings())
        yield from (f"  note: {note}" for note in self.notes)

    def class_lines(self) -> Iterator[str]:
        """Yield the counts of the classes."""
        # The rarest last: they are what is looked for.
        classes = sorted(self.counts.items(), key=lambda item: -item[1]["train"])
        shown = (
            classes if len(classes) <= _MAX_CLASSES else classes[: _MAX_CLASSES // 2] + classes[-_MAX_CLASSES // 2 :]
        )
        for index, (label, counts) in enumerate(shown):
            if len(shown) < len(classes) and index == _MAX_CLASSES // 2:
                yield f"  ... {how_many(len(classes) - len(shown), 'more class', 'more classes')}"
            # What the numbers are is said of the first.
            names = (" training", " validation", " test") if index == 0 else ("", "", "")
            yield f"  {label}: " + " + ".join(f"{counts[part]}{name}" for part, name in zip(SETS, names, strict=True))
        most, least = classes[0], classes[-1]
        if most[1]["train"] > 1.5 * least[1]["train"]:
            ratio = most[1]["train"] / max(1, least[1]["train"])
            yield f"  imbalance: {most[0]} has {ratio:.1f} times the training images of {least[0]}"

    def copy_lines(self) -> Iterator[str]:
        """Yield what is there more than once, and what is in several classes."""
        if self.copies:
            same = sum(group.same_bytes for group in self.copies)
            num_images = sum(len(group.names) for group in self.copies)
            yield (
                f"  copies: {how_many(num_images, 'image')} in {how_many(len(self.copies), 'group')}, {same} of the "
                f"same bytes and "
                f"{len(self.copies) - same} nearly so; each group is kept on one side of the split: "
                f"{_listed(list(map(str, self.copies)), len(self.copies))}"
            )
        torn = [group for group in self.copies if len(set(group.labels)) > 1]
        for group in torn[:_MAX_PAIRS]:
            doubt = "one label is wrong" if group.same_bytes else "if they show the same, one label is wrong"
            yield f"  in {' and '.join(dict.fromkeys(group.labels))} at once, {doubt}: {group}"
        if len(torn) > _MAX_PAIRS:
            yield f"  ... {how_many(len(torn) - _MAX_PAIRS, 'more picture')} in several classes"

    def warnings(self) -> Iterator[str]:
        """Yield what the counts of the classes warn of."""
        for part, consequence in (("test", "is not measured"), ("validation", "has no say in what is chosen")):
            lacking = [label for label, counts in self.counts.items() if not counts[part]]
            if lacking:
                yield f"{_listed(lacking, len(lacking))} has no {part} image and {consequence}"
        num_validation = sum(counts["validation"] for counts in self.counts.values())
        if num_validation < MIN_SCORES:
            yield ALL_LABELS.format(num_validation)
        few = [f"{label} ({counts['train']})" for label, counts in self.counts.items() if counts["train"] < FEW]
        if few:
            yield f"few images to learn from: {_listed(few, len(few))}"
        mirrored = classes_that_mirroring_may_change(list(self.counts))
        if mirrored:
            yield (
                f"a mirrored photo may be of another class than {_listed(mirrored, len(mirrored))}, and half of the "
                "training images are mirrored: --set augmentation.flip=false leaves them as they are"
            )


def count_labels(labels: Sequence[str], *targets: npt.NDArray[np.int64]) -> dict[str, dict[str, int]]:
    """Count the images of each label, by their targets in train, validation and test."""
    counts = [np.bincount(of, minlength=len(labels)).tolist() for of in targets]
    return {label: dict(zip(SETS, numbers, strict=True)) for label, *numbers in zip(labels, *counts, strict=True)}


def size_range(sizes: Sequence[Size]) -> dict[str, Size]:
    """Pick the least, the median and the largest size by area."""
    by_area = sorted(sizes, key=lambda size: size[0] * size[1])
    return {"least": by_area[0], "median": by_area[len(by_area) // 2], "largest": by_area[-1]}


def printable(line: str) -> str:
    """Escape line breaks, and bytes of a path that are no UTF-8."""
    return "".join(repr(char)[1:-1] if unicodedata.category(char) in ("Cc", "Cs") else char for char in line)


def _listed(names: Sequence[str], count: int) -> str:
    return ", ".join(names[:_MAX_SHOWN]) + (", ..." if count > _MAX_SHOWN else "")
