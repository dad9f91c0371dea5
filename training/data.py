"""Open a data set, whatever form it has; one .npz file of arrays is read here, class folders in `image_folders`."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.plural import how_many
from training.dataset import Dataset, DatasetError, HeldOut, Pixels, Reading, Split, file_sha256, three_sets
from training.image_folders import load_image_folders
from training.joined import load_joined
from training.survey import Survey, count_labels

_AS_FOUND = Reading()
_ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "RAR",
}


def load_dataset(path: Path, held_out: HeldOut, reading: Reading = _AS_FOUND, *, old: Path | None = None) -> Dataset:
    """Open a data set.

    Args:
        path: an `.npz` with x_train, y_train, x_test, y_test and labels, maybe x_validation and y_validation; or a
            folder, or a zip file of one, that holds `train/<class>/<image>`, and optionally `validation/` and `test/`
            of the same form, or just `<class>/<image>`. Where one folder is held out it is the test set.
        held_out: how validation and test images are drawn where there are none.
        reading: of files: limits, and the encoding of names.
        old: class folders that a network has learned from before, to be joined with those at `path`; None for none.

    Raises:
        DatasetError: what was expected is not there.
    """
    for source in (path, *([old] if old else [])):
        if not source.exists():
            raise DatasetError(f"no such file or folder: {source}")
        if source.suffix == ".npz" and old:
            raise DatasetError(
                f"{source.name} cannot be joined: --data and --old must both be folders or zip files of photos; put "
                "the old and the new arrays into one .npz file"
            )
        if source.suffix != ".npz" and not source.is_dir() and not zipfile.is_zipfile(source):
            _refuse_form(source)
    if old:
        return load_joined(path, old, held_out, reading)
    return load_npz(path, held_out) if path.suffix == ".npz" else load_image_folders(path, held_out, reading)


def _refuse_form(path: Path) -> NoReturn:
    with path.open("rb") as file:
        raise DatasetError(
            f"{path.name} is neither an .npz file, a folder nor a zip file: {_what_to_do(file.read(512), path.suffix)}"
        )


def _what_to_do(head: bytes, suffix: str) -> str:
    """Say what a file is, by its first bytes, and what to give instead."""
    archive = next((name for start, name in _ARCHIVES.items() if head.startswith(start)), "")
    if archive or head[257:262] == b"ustar":
        return f"it is a {archive or 'tar'} archive: unpack it, and give the folder"
    if not head:
        return "it is empty: copy it again, whole"
    if head.lstrip()[:9].lower() in (b"<!doctype", b"<html>"):
        return "it is a web page, as where a download asks for a password: download it again"
    if head.startswith(b"PK") or suffix == ".zip":
        return "it is damaged, or a part of several: copy it again, whole, or unpack it and give the folder"
    return "give the folder that holds a folder for each class"


def load_npz(path: Path, held_out: HeldOut) -> Dataset:
    """Open an .npz file of arrays; `load_dataset` says which."""
    expected = ("x_train", "y_train", "x_test", "y_test", "labels")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = [name for name in expected if name not in arrays]
            if missing:
                raise DatasetError(f"{path.name} lacks {', '.join(missing)}; it has {', '.join(arrays) or 'nothing'}")
            own = ("x_validation", "y_validation")
            has_validation = all(name in arrays for name in own)
            values = {name: arrays[name] for name in (*expected, *(own if has_validation else ()))}
    except DatasetError:
        raise
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path.name} cannot be read as an .npz file of plain arrays") from error
    try:
        # Text, or UTF-8 as in CIFAR's own files, whose names are bytes.
        labels = tuple(name.decode() if isinstance(name, bytes) else str(name) for name in values["labels"])
    except UnicodeDecodeError as error:
        raise DatasetError(f"labels must be text or UTF-8: {error}: write them as text") from error
    train, test = _array_split("train", values, labels), _array_split("test", values, labels)
    if has_validation:
        sets = train, _array_split("validation", values, labels), test
    else:
        sets = three_sets(train, test, held_out)
    of_test = " from the test images" if held_out.validation_from == "test" else ""
    drawn = f"validation images drawn{of_test} by class with seed {held_out.seed}"
    origin = "all in the file" if has_validation else drawn
    copied = _num_copied(values["x_train"], values["x_test"])
    notes = (f"{copied} of {how_many(len(test), 'test image')} are in train, too, pixel for pixel",) if copied else ()
    survey = Survey(path.name, count_labels(labels, *(split.targets for split in sets)), origin, {}, notes=notes)
    return Dataset(path.stem, file_sha256(path), labels, *sets, survey=survey)


def _num_copied(train: npt.NDArray[Any], test: npt.NDArray[Any]) -> int:
    seen = {hashlib.sha256(image).digest() for image in train}
    return sum(hashlib.sha256(image).digest() in seen for image in test)


def _array_split(part: str, arrays: Mapping[str, npt.NDArray[Any]], labels: Sequence[str]) -> Split:
    images, targets = arrays[f"x_{part}"], arrays[f"y_{part}"]
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
    """Encode one image, uint8 [H, W, 3], as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
