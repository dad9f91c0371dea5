"""Reads a data set of image files: a folder for each class, plain or in a zip file."""

from __future__ import annotations

import hashlib
import logging
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from models.errors import ImageError
from models.preprocessing import PixelSpec, preprocess
from training.dataset import Dataset, DatasetError, Split, file_sha256

log = logging.getLogger(__name__)

Tree = Path | zipfile.Path  # both list, name and read in the same way

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})


def load_image_folders(root: Tree, source: Path, *, test_fraction: float, seed: int) -> Dataset:
    """Open a tree of class folders; see `training.data.load_dataset`.

    Args:
        root: the tree.
        source: where it is on disk: the folder, or the zip file.
        test_fraction: part of each class held out where there is no test folder.
        seed: of that split.
    """
    root = _find_root(root)
    has_parts = (root / "train").is_dir()
    folders = _class_folders(root / "train" if has_parts else root)
    if len(folders) < 2:
        raise DatasetError(
            f"{source.name} must hold train/<class>/<image> or <class>/<image> with at least two classes, "
            f"found {len(folders)}: {', '.join(folders) or 'none'}"
        )
    labels = tuple(folders)
    train = _readable_images(folders, labels)
    if has_parts and (root / "test").is_dir():
        test = _readable_images(_class_folders(root / "test"), labels)
    else:
        train, test = _split(train, test_fraction, seed)
    for part, images in (("train", train), ("test", test)):
        if not images:
            raise DatasetError(f"{source.name} has no readable image to {part} on")
    sha256 = file_sha256(source) if source.is_file() else _tree_sha256(source, [*train, *test])
    return Dataset(source.stem, sha256, labels, _file_split(train), _file_split(test))


def _find_root(root: Tree) -> Tree:
    """Descend through folders that hold just one folder: archives are often packed with one around everything."""
    while True:
        entries = [entry for entry in root.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
        if len(entries) != 1 or not entries[0].is_dir() or entries[0].name == "train":
            return root
        root = entries[0]


def _class_folders(root: Tree) -> dict[str, Tree]:
    folders = {entry.name: entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
    return {name: folders[name] for name in sorted(folders)}


def _readable_images(folders: dict[str, Tree], labels: Sequence[str]) -> list[tuple[Tree, int]]:
    unknown = sorted(set(folders) - set(labels))
    if unknown:
        raise DatasetError(f"test has classes that train has not: {', '.join(unknown)}")
    smallest = PixelSpec(height_px=8, width_px=8)
    candidates = [
        (entry, labels.index(name))
        for name, folder in folders.items()
        for entry in _sorted_entries(folder)
        if Path(entry.name).suffix.lower() in IMAGE_SUFFIXES
    ]

    def is_readable(candidate: tuple[Tree, int]) -> bool:
        try:
            preprocess(candidate[0].read_bytes(), smallest)
        except ImageError as error:
            log.warning("left out %s: %s", candidate[0].name, error)
            return False
        return True

    with ThreadPoolExecutor() as pool:
        return [image for image, keep in zip(candidates, pool.map(is_readable, candidates), strict=True) if keep]


def _sorted_entries(folder: Tree) -> list[Tree]:
    entries: list[Tree] = list(folder.iterdir())
    return sorted(entries, key=lambda entry: entry.name)


def _split(
    images: list[tuple[Tree, int]], test_fraction: float, seed: int
) -> tuple[list[tuple[Tree, int]], list[tuple[Tree, int]]]:
    """Hold out the same part of each class, at least one image of it."""
    targets = np.array([target for _, target in images])
    rng = np.random.default_rng(seed)
    held_out: set[int] = set()
    for target in np.unique(targets):
        members = rng.permutation(np.flatnonzero(targets == target))
        held_out.update(members[: max(1, round(test_fraction * len(members)))].tolist())
    train = [image for index, image in enumerate(images) if index not in held_out]
    return train, [images[index] for index in sorted(held_out)]


def _tree_sha256(source: Path, images: Sequence[tuple[Tree, int]]) -> str:
    digest = hashlib.sha256()
    for entry in sorted(str(entry) for entry, _ in images):
        digest.update(f"{file_sha256(Path(entry))}  {Path(entry).relative_to(source).as_posix()}\n".encode())
    return digest.hexdigest()


def _file_split(images: Sequence[tuple[Tree, int]]) -> Split:
    return Split(np.array([target for _, target in images], np.int64), lambda index: images[index][0].read_bytes())
