"""Read a data set of image files: a folder for each class, on disk or in a zip file."""

from __future__ import annotations

import hashlib
import logging
import os
import zipfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from models.errors import ImageError
from models.pixels.preprocessing import PixelSpec, preprocess
from training.dataset import Dataset, DatasetError, HeldOut, Split, file_sha256, three_sets

log = logging.getLogger(__name__)

Entry = Path | zipfile.Path  # a file or folder, on disk or in a zip file; both list, name and read in the same way
Images = list[tuple[Entry, int]]  # files, each with the index of its class

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})
REMOVED_FOLDER = "_removed"  # where `training.relabel` puts photos that belong to no class
TEST_FOLDERS = ("test", "val", "valid", "validation")  # the first that is there


def load_image_folders(root: Entry, source: Path, held_out: HeldOut) -> Dataset:
    """Open class folders; `training.data.load_dataset` says which.

    Args:
        root: the folder that holds them, on disk or in a zip file.
        source: the folder or the zip file on disk.
        held_out: how validation and test images are drawn where there is no folder of them.
    """
    train_folder, test_folder = _class_folders(root)
    labels = tuple(_folders(train_folder))
    if len(labels) < 2:
        raise DatasetError(
            f"{source.name} must hold train/<class>/<image> or <class>/<image> with at least two classes, "
            f"found {len(labels)}: {', '.join(labels) or 'none'}"
        )
    train = _readable_images(train_folder, labels)
    if test_folder:
        test = _readable_images(test_folder, labels)
    else:
        train, test = _split(train, held_out.test_fraction, held_out.seed)
    learned = {target for _, target in train}
    lacking = [label for target, label in enumerate(labels) if target not in learned]
    if lacking:
        raise DatasetError(
            f"{source.name} has no readable image to train on of {', '.join(lacking)}: "
            "each class needs one, and another to test on where there is no test folder"
        )
    if not test:
        raise DatasetError(f"{source.name} has no readable image to test on")
    sha256 = file_sha256(source) if source.is_file() else _tree_sha256(source, [*train, *test])
    sets = three_sets(_file_split(train, root), _file_split(test, root), held_out)
    return Dataset(source.stem, sha256, labels, *sets, None if test_folder else held_out)


def open_zip(path: Path) -> zipfile.Path:
    """Return the root of a zip file, whose names are UTF-8 where all can be, else code page 437, as the format says."""
    try:
        # Info-ZIP and macOS write UTF-8 without the flag that says so.
        return zipfile.Path(zipfile.ZipFile(path, metadata_encoding="utf-8"))
    except UnicodeDecodeError:
        return zipfile.Path(path)


def visible_entries(folder: Entry) -> list[Entry]:
    """List the files and folders by name, without what was removed and what systems hide or put into archives."""
    hidden = (".", "__MACOSX")
    entries: list[Entry] = [entry for entry in folder.iterdir() if not entry.name.startswith(hidden)]
    entries = [entry for entry in entries if entry.name != REMOVED_FOLDER]
    return sorted(entries, key=lambda entry: entry.name)


def _class_folders(root: Entry) -> tuple[Entry, Entry | None]:
    """Return the folder of the classes to learn from, and that of the classes to measure on if it is another."""
    entries = visible_entries(root)
    while len(entries) == 1 and entries[0].is_dir() and entries[0].name != "train":
        root = entries[0]  # archives are often packed with one folder around everything
        entries = visible_entries(root)
    folders = _folders(root)
    test = next((name for name in TEST_FOLDERS if name in folders), None)
    if "train" not in folders or (test is None and len(folders) > 1 and not _folders(folders["train"])):
        return root, None  # a folder of images among others is a class, whatever its name
    others = sorted(set(folders) - {"train", test})
    if others:
        log.warning("left out what is beside train%s: %s", f" and {test}" if test else "", ", ".join(others))
    return folders["train"], folders[test] if test else None


def _folders(root: Entry) -> dict[str, Entry]:
    return {entry.name: entry for entry in visible_entries(root) if entry.is_dir()}


def _readable_images(root: Entry, labels: Sequence[str]) -> Images:
    folders = _folders(root)
    unknown = sorted(set(folders) - set(labels))
    if unknown:
        raise DatasetError(f"{root.name} has classes that train has not: {', '.join(unknown)}")
    smallest = PixelSpec(height_px=8, width_px=8)
    candidates = [
        (entry, labels.index(name))
        for name, folder in folders.items()
        for entry in visible_entries(folder)
        if Path(entry.name).suffix.lower() in IMAGE_SUFFIXES
    ]

    def is_readable(candidate: tuple[Entry, int]) -> bool:
        try:
            preprocess(_read(candidate[0]), smallest)
        except (ImageError, OSError) as error:
            log.warning("left out %s: %s", candidate[0].name, error)
            return False
        return True

    with ThreadPoolExecutor() as pool:
        return [image for image, keep in zip(candidates, pool.map(is_readable, candidates), strict=True) if keep]


def _read(file: Entry) -> bytes:
    """Return the bytes of a file, in a zip file too; OSError says why it cannot be read."""
    try:
        return file.read_bytes()
    # Damaged, its name too, cut short; locked by a password, or packed in a way that Python does not know.
    except (zipfile.BadZipFile, UnicodeDecodeError, zlib.error, EOFError, RuntimeError) as error:
        raise OSError(str(error)) from error


def _split(images: Images, test_fraction: float, seed: int) -> tuple[Images, Images]:
    """Hold out the same part of each class, at least one image of it."""
    targets = np.array([target for _, target in images])
    rng = np.random.default_rng(seed)
    held_out: set[int] = set()
    for target in np.unique(targets):
        members = rng.permutation(np.flatnonzero(targets == target))
        held_out.update(members[: max(1, round(test_fraction * len(members)))].tolist())
    train = [image for index, image in enumerate(images) if index not in held_out]
    return train, [images[index] for index in sorted(held_out)]


def _tree_sha256(source: Path, images: Images) -> str:
    digest = hashlib.sha256()
    for entry in sorted(str(entry) for entry, _ in images):
        # A name need not be UTF-8.
        name = os.fsencode(Path(entry).relative_to(source).as_posix())
        digest.update(file_sha256(Path(entry)).encode() + b"  " + name + b"\n")
    return digest.hexdigest()


def _file_split(images: Images, root: Entry) -> Split:
    # Both kinds of entry write their path as that of the root, a slash, and the name below it.
    names = tuple(str(entry).removeprefix(str(root)).lstrip("/") for entry, _ in images)
    return Split(np.array([target for _, target in images], np.int64), lambda index: _read(images[index][0]), names)
