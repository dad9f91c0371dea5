"""Joins new photos with those that a network has learned from; one part is not tested on what the other learns from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from training.class_folders import plain
from training.copies import find_copies
from training.dataset import Dataset, DatasetError, HeldOut, Reading, Source, Split
from training.folders import common_folder
from training.image_folders import Pictures, copy_groups, open_image_folders
from training.survey import SETS, Kind, LeftOut, Survey, count_labels, size_range

AMONG_OLD = Kind("new photo that is among the old ones, too", "new photos that are among the old ones, too")


def load_joined(path: Path, old: Path, held_out: HeldOut, reading: Reading) -> Dataset:
    """Open two data sets of photos, each split by itself, and join train, validation and test.

    A new photo that is a copy of an old one is in no set: the old one counts, in the set where it was before.

    Args:
        path: class folders with new photos; one class will do.
        old: class folders with the photos that a network has learned from.
        held_out: how validation and test images are drawn where there is no folder of them.
        reading: limits, and the encoding of names.

    Raises:
        DatasetError: they cannot be joined.
    """
    _refuse_one_place(path, old)
    if not held_out.validation_fraction:
        raise DatasetError("photos are joined with validation photos alone: validation_fraction must be more than 0")
    before, old_pictures = open_image_folders(old, held_out, reading)
    now, new_pictures = open_image_folders(path, held_out, reading, min_classes=1)
    renamed = dict(_renamed(before.labels, now.labels))
    others = sorted({renamed.get(label, label) for label in now.labels} - set(before.labels))
    # In the order that the network knows, where there is no class that it does not know.
    labels = tuple(sorted((*before.labels, *others))) if others else before.labels
    notes = [f"{label!r} of {now.name} is taken for {known!r}" for label, known in renamed.items()]
    if others:
        notes.append(f"classes that the old photos have not: {', '.join(others)}")
    folder = common_folder(path, old)
    before, old_pictures = _placed(before, old_pictures, old, folder, labels, {})
    now, new_pictures = _placed(now, new_pictures, path, folder, labels, renamed)
    pictures = _all_of(old_pictures, new_pictures)
    groups, num_old = pictures.images.groups, len(old_pictures.images)
    copied = new_pictures.images.subset(np.flatnonzero(np.isin(groups[num_old:], groups[:num_old]))).names
    return _joined(before, _without(now, copied), pictures, copied, notes)


def _refuse_one_place(path: Path, old: Path) -> None:
    first, second = path.resolve(), old.resolve()
    if first == second:
        raise DatasetError(
            f"--data and --old are the same photos, {path.name}: give new ones and old ones, or no --old"
        )
    if first.is_relative_to(second) or second.is_relative_to(first):
        inner, outer = sorted((first, second), key=lambda place: -len(place.parts))
        raise DatasetError(f"{inner.name} lies in {outer.name}: move one of them out, so that no photo counts twice")


def _renamed(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the new labels that differ from an old one in case or blanks only, with that one."""
    for label in new:
        alike = [other for other in old if plain(other) == plain(label)]
        if label not in alike and len(alike) == 1:
            yield label, alike[0]


def _placed(
    data: Dataset,
    pictures: Pictures,
    source: Path,
    folder: Path,
    labels: tuple[str, ...],
    renamed: Mapping[str, str],
) -> tuple[Dataset, Pictures]:
    """Name all photos from the folder on that holds both data sets, and their classes by the labels of both."""
    within = source.resolve().relative_to(folder).as_posix()
    target_of = np.array([labels.index(renamed.get(label, label)) for label in data.labels], np.int64)

    def placed(split: Split) -> Split:
        names = tuple(f"{within}/{name}" for name in split.names)
        return replace(split, targets=target_of[split.targets], names=names)

    left_out = tuple(
        replace(files, names=tuple(f"{within}/{name}" for name in files.names)) for files in data.survey.left_out
    )
    data = _with_parts(data, placed)
    data = replace(data, labels=labels, survey=replace(data.survey, left_out=left_out))
    return data, replace(pictures, images=placed(pictures.images))


def _with_parts(data: Dataset, changed: Callable[[Split], Split]) -> Dataset:
    return replace(data, train=changed(data.train), validation=changed(data.validation), test=changed(data.test))


def _all_of(old: Pictures, new: Pictures) -> Pictures:
    digests, thumbnails = [*old.digests, *new.digests], np.concatenate([old.thumbnails, new.thumbnails])
    images = replace(_followed(old.images, new.images), groups=find_copies(digests, thumbnails).group)
    return Pictures(images, digests, thumbnails, [*old.sizes, *new.sizes])


def _followed(first: Split, second: Split) -> Split:
    """Return the images of one split, and after them those of another, whose groups are others."""
    num_first = len(first)

    def read(index: int) -> bytes:
        return first.read(index) if index < num_first else second.read(index - num_first)

    # A group is told by the index of a photo in its data set: those of one are even, those of the other odd.
    groups = np.concatenate([2 * first.groups, 2 * second.groups + 1])
    return Split(np.concatenate([first.targets, second.targets]), read, (*first.names, *second.names), groups)


def _without(data: Dataset, names: Iterable[str]) -> Dataset:
    left = set(names)

    def rest(split: Split) -> Split:
        kept = [index for index, name in enumerate(split.names) if name not in left]
        return split.subset(np.array(kept, np.int64))

    return _with_parts(data, rest)


def _source(age: Literal["old", "new"], data: Dataset) -> Source:
    return Source(age, data.name, data.sha256, len(data.train), len(data.validation), len(data.test))


def _joined(old: Dataset, new: Dataset, pictures: Pictures, copied: Sequence[str], notes: Sequence[str]) -> Dataset:
    """Join two data sets that have no picture in common any more."""
    if not len(new.train):
        raise DatasetError(f"{new.name} has nothing to learn from that {old.name} has not: its photos are copies")
    train, validation, test = (_followed(getattr(old, part), getattr(new, part)) for part in SETS)
    if lacking := [label for target, label in enumerate(old.labels) if target not in train.targets]:
        raise DatasetError(
            f"all photos to learn {', '.join(lacking)} from are copies of photos that {old.name} has in other classes: "
            f"take them out of {old.name} or out of {new.name}"
        )
    sources = _source("old", old), _source("new", new)
    survey = Survey(
        name=f"{old.name} + {new.name}",
        counts=count_labels(old.labels, *(split.targets for split in (train, validation, test))),
        split="; ".join(
            f"{source.age} photos ({source.name}): {source.num_train} + {source.num_validation} + {source.num_test}, "
            f"{data.survey.split}"
            for source, data in zip(sources, (old, new), strict=True)
        ),
        sizes=size_range(pictures.sizes),
        left_out=(
            *(files for data in (old, new) for files in data.survey.left_out),
            *([LeftOut.of(AMONG_OLD, copied)] if copied else []),
        ),
        copies=copy_groups(pictures.images, old.labels, (train, validation, test), pictures.digests),
        notes=(*notes, *(f"{data.name}: {note}" for data in (old, new) for note in data.survey.notes)),
    )
    return Dataset(
        survey.name,
        hashlib.sha256(f"{old.sha256} {new.sha256}".encode()).hexdigest(),
        old.labels,
        train,
        validation,
        test,
        old.held_out or new.held_out,
        survey=survey,
        sources=sources,
    )
