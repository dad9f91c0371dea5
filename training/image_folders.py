"""Read a data set of image files: a folder for each class, on disk or in a zip file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.files.file_tree import open_tree
from models.files.hidden import is_hidden
from models.files.name_encodings import Guess
from models.plural import how_many
from models.store.calibration import NONE_LABEL
from training.class_folders import ClassFolders, find_classes
from training.copies import Copies, Thumbnails, find_copies
from training.dataset import Dataset, DatasetError, HeldOut, Reading, Split, Targets, file_sha256
from training.examine import examine, thumbnail_of, tree_sha256
from training.known_photos import KnownPhotos
from training.no_classes import too_few_classes
from training.photo import Photo, gone, is_there, read_again
from training.sets import choose_sets
from training.survey import FEW, SETS, CopyGroup, Kind, LeftOut, Size, Survey, count_labels, printable, size_range

FURTHER_COPIES = Kind("further copy of a test or validation image", "further copies of test or validation images")


@dataclass(frozen=True, slots=True)
class Pictures:
    """All that can be used of a data set, whether it is in one of the three sets or, as a further copy, in none.

    Attributes:
        images: with their classes, and their groups of copies.
        digests: of their bytes.
        thumbnails: of them, to find copies in other data by.
        sizes: of them, in pixels.
    """

    images: Split
    digests: list[str]
    thumbnails: Thumbnails
    sizes: list[Size]


def load_image_folders(source: Path, held_out: HeldOut, reading: Reading) -> Dataset:
    """Open class folders; `training.data.load_dataset` says which."""
    return open_image_folders(source, held_out, reading)[0]


def open_image_folders(
    source: Path, held_out: HeldOut, reading: Reading, *, min_classes: int = 2
) -> tuple[Dataset, Pictures]:
    """Open class folders, and keep what tells their images from others.

    Args:
        source: the folder, or the zip file, that holds them.
        held_out: how validation and test images are drawn where there is no folder of them.
        reading: limits, and the encoding of names.
        min_classes: that must be there.
    """
    tree = open_tree(source, reading.zip_encoding)
    found = find_classes(tree, source.name, min_classes=min_classes)
    candidates = sorted(
        ((target, file, role) for role, files in found.sets.items() for file, target in files),
        key=lambda candidate: (candidate[0], candidate[1].path),
    )
    examined = examine(
        [file for _, file, _ in candidates], reading.max_image_pixels, KnownPhotos(reading.known, source)
    )
    if not is_there(source):
        raise OSError(gone(source))
    label_of = np.array([target for target, _, _ in candidates], np.int64)
    labels, label_of = _without_empty(found, label_of, examined.are_images)
    if len(labels) < min_classes:
        raise too_few_classes(source.name, labels, tree)
    kept = [index for index, photo in enumerate(examined.photos) if photo]
    photos = [photo for photo in examined.photos if photo]
    targets = label_of[kept]
    given = np.array([candidates[index][2] for index in kept])
    lacking = [label for target, label in enumerate(labels) if target not in targets[given == "train"]]
    if lacking:
        why = "".join(f"; left out: {files}" for files in examined.left_out[:2])
        raise DatasetError(
            f"{source.name} has no readable image to train on of {', '.join(lacking)}: each class needs one{why}"
        )
    found.notes += [f"no image in {role} can be used: it is drawn" for role in found.sets if role not in given]
    digests, sizes = [photo.sha256 for photo in photos], [photo.size for photo in photos]
    copies = find_copies(digests, examined.thumbnails[kept])
    images = _split(source, photos, targets, copies.group)
    try:
        sets = choose_sets(images, given, held_out)
    except DatasetError as error:
        raise DatasetError(f"{source.name}: {error}") from None
    parts = (sets.train, sets.validation, sets.test)
    used = {name for part in parts for name in part.names}
    if unused := [name for name in images.names if name not in used]:
        found.left_out[FURTHER_COPIES] = unused
    survey = Survey(
        name=source.name,
        counts=count_labels(labels, *(split.targets for split in parts)),
        split=sets.origin,
        sizes=size_range(sizes),
        left_out=(*examined.left_out, *(LeftOut.of(kind, paths) for kind, paths in found.left_out.items())),
        copies=copy_groups(images, labels, parts, digests),
        notes=(*found.notes, *sets.notes, *few_pictures(labels, targets, copies), *_notes(labels, copies, tree.guess)),
    )
    sha256 = file_sha256(source) if source.is_file() else tree_sha256(photos)
    data = Dataset(printable(source.stem), sha256, labels, *parts, sets.held_out, survey=survey)
    return data, Pictures(images, digests, examined.thumbnails[kept], sizes)


def _without_empty(
    found: ClassFolders, targets: Targets, are_images: Sequence[bool]
) -> tuple[tuple[str, ...], Targets]:
    """Leave out classes that hold no image in any set, as what annotations lie in, and note them.

    Returns:
        The labels that are left, and the targets of the files among them; -1 for a file of none.
    """
    has_images = np.isin(np.arange(len(found.labels)), targets[np.array(are_images, bool)])
    labels = tuple(label for label, has in zip(found.labels, has_images, strict=True) if has)
    if empty := [label for label, has in zip(found.labels, has_images, strict=True) if not has]:
        found.notes.append(f"no class, as there is no image in it: {', '.join(empty)}")
    return labels, np.where(has_images, np.cumsum(has_images) - 1, -1)[targets]


def load_unlabelled(source: Path, reading: Reading, held_out: Sequence[Split] = ()) -> tuple[Split, list[str]]:
    """Open all images below a folder or in a zip file, whatever folders they lie in.

    Args:
        source: the folder or the zip file.
        reading: limits, and the encoding of names.
        held_out: images that are measured or chosen by; their copies are left out.

    Returns:
        The images, each with the target -1, and a line on each kind of file that is left out.

    Raises:
        DatasetError: there is none.
    """
    files = [file for file in open_tree(source, reading.zip_encoding).files if not is_hidden(file.path)]
    examined = examine(files, reading.max_image_pixels, KnownPhotos(reading.known, source))
    kept = [index for index, photo in enumerate(examined.photos) if photo]
    photos = [photo for photo in examined.photos if photo]
    if not photos:
        raise DatasetError(f"{source.name} holds no image")
    images = _split(source, photos, np.full(len(photos), -1, np.int64), np.arange(len(photos)))
    seen = [content for split in held_out for content in split.encoded()]
    copies = find_copies(
        [*(hashlib.sha256(content).hexdigest() for content in seen), *(photo.sha256 for photo in photos)],
        np.concatenate([*(thumbnail_of(content)[None] for content in seen), examined.thumbnails[kept]]),
    )
    is_seen = np.isin(copies.group, copies.group[: len(seen)])[len(seen) :]
    left_out = [*examined.left_out]
    if is_seen.any():
        left_out.append(LeftOut.of(FURTHER_COPIES, [images.names[index] for index in np.flatnonzero(is_seen)]))
    return images.subset(np.flatnonzero(~is_seen)), [f"left out: {files}" for files in left_out]


def _split(source: Path, photos: Sequence[Photo], targets: Targets, groups: Targets) -> Split:
    return Split(
        targets, lambda index: read_again(photos[index], source), tuple(photo.file.path for photo in photos), groups
    )


def copy_groups(
    images: Split, labels: Sequence[str], parts: Sequence[Split], digests: Sequence[str]
) -> tuple[CopyGroup, ...]:
    """List the groups of more than one image.

    Args:
        images: all of them.
        labels: of their targets.
        parts: train, validation and test.
        digests: of the bytes of each image.
    """
    set_of = {name: role for role, part in zip(SETS, parts, strict=True) for name in part.names}
    order = np.argsort(images.groups, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(images.groups[order])) + 1)
    return tuple(
        CopyGroup(
            names=tuple(images.names[index] for index in members),
            labels=tuple(labels[images.targets[index]] for index in members),
            sets=tuple(set_of.get(images.names[index], "left out") for index in members),
            same_bytes=len({digests[index] for index in members}) == 1,
        )
        for members in groups
        if len(members) > 1
    )


def few_pictures(labels: Sequence[str], targets: Targets, copies: Copies) -> Iterable[str]:
    """Name the classes whose many files are copies of a few pictures."""
    for target, label in enumerate(labels):
        groups = copies.group[targets == target]
        num_pictures = len(np.unique(groups))
        if num_pictures < FEW <= len(groups):
            yield f"the {len(groups):,} files of {label} are copies of {how_many(num_pictures, 'picture')}: add others"


def _notes(labels: Sequence[str], copies: Copies, guess: Guess | None) -> Iterable[str]:
    if NONE_LABEL in labels:
        yield f"{NONE_LABEL} holds images of none of the classes: what looks like them is to be refused"
    if copies.num_alike:
        yield (
            f"{how_many(copies.num_alike, 'image')} are so alike that they are taken for different photos of one "
            "scene, not for copies; if they are copies, give the test set a folder of its own"
        )
    if guess and (guess.encoding, guess.is_sure) != ("utf-8", True):
        doubt = "" if guess.is_sure else ", which is in doubt: look at the classes above"
        yield (
            f"the zip file does not say how its names are encoded: guessed {guess.encoding}{doubt}; to be sure, pack "
            "it again with names in UTF-8, or give --set zip_encoding=gbk, cp932, cp1252 or another one"
        )
