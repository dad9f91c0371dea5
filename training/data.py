"""Labelled images from an .npz file or a folder of class folders (plain or zipped), as pixels and as encoded bytes."""

from __future__ import annotations

import hashlib
import io
import logging
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.errors import ImageError
from models.preprocessing import PixelSpec, preprocess

log = logging.getLogger(__name__)

Pixels = npt.NDArray[np.uint8]
Targets = npt.NDArray[np.int64]
Tree = Path | zipfile.Path  # both list, name and read in the same way

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})


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
            partial = cache.with_suffix(".tmp")
            mapped = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
            self._decode_into(mapped, spec).flush()  # type: ignore[attr-defined]  # a memmap is returned as it came
            partial.replace(cache)
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
class Dataset:
    """Training and test images.

    Attributes:
        name: file or folder name of the source.
        sha256: of the source file; for a folder, of the list of its images' paths and digests.
        labels: class names, in the order of the targets.
        train: what the network learns from.
        test: what it is measured on.
    """

    name: str
    sha256: str
    labels: tuple[str, ...]
    train: Split
    test: Split


def load_dataset(path: Path, *, test_fraction: float, seed: int) -> Dataset:
    """Open a data set.

    Args:
        path: an `.npz` with x_train, y_train, x_test, y_test and labels; or a folder, or a zip file of one, that holds
            `train/<class>/<image>` and optionally `test/<class>/<image>`, or just `<class>/<image>`.
        test_fraction: part of each class held out, with the seed, where there is no test folder.
        seed: of that split.

    Raises:
        DatasetError: what was expected is not there.
    """
    if not path.exists():
        raise DatasetError(f"no such file or folder: {path}")
    if path.suffix == ".npz":
        return _load_npz(path)
    if path.is_dir():
        return _load_tree(path, path, test_fraction=test_fraction, seed=seed)
    if zipfile.is_zipfile(path):
        return _load_tree(zipfile.Path(path), path, test_fraction=test_fraction, seed=seed)
    raise DatasetError(f"{path.name} is neither an .npz file, a folder nor a zip file")


def file_sha256(path: Path) -> str:
    """Hex digest of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load_npz(path: Path) -> Dataset:
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
    labels = tuple(str(label) for label in values["labels"])
    splits = {part: _array_split(values[f"x_{part}"], values[f"y_{part}"], labels, part) for part in ("train", "test")}
    return Dataset(path.stem, file_sha256(path), labels, **splits)


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


def _load_tree(root: Tree, source: Path, *, test_fraction: float, seed: int) -> Dataset:
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
