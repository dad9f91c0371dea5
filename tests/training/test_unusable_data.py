"""Data that cannot be trained on is refused with the reason."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from toy_data import write_folders

from training.data import load_dataset
from training.dataset import DatasetError, HeldOut


def npz(path: Path, *, targets: tuple[int, int] = (0, 1), labels: Sequence[str | bytes] = ("a", "b")) -> Path:
    x, y = np.zeros((2, 4, 4, 3), np.uint8), np.array(targets)
    np.savez(path / "data.npz", x_train=x, y_train=y, x_test=x, y_test=y, labels=np.array(labels))
    return path / "data.npz"


def one_class(path: Path) -> Path:
    (path / "train" / "only").mkdir(parents=True)
    return path


def without_labels(path: Path) -> Path:
    np.savez(path / "data.npz", x_train=np.zeros(1))
    return path / "data.npz"


def pickled(path: Path) -> Path:
    arrays = dict.fromkeys(("x_train", "y_train", "x_test", "y_test", "labels"), np.array([{}], dtype=object))
    np.savez(path / "data.npz", **arrays)
    return path / "data.npz"


def class_of_broken_images(path: Path) -> Path:
    (write_folders(path) / "purple").mkdir()
    (path / "purple" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return path


def one_class_with_images(path: Path) -> Path:
    (write_folders(path) / "red").rename(path / "cat")
    for name in ("blue", "green"):
        shutil.rmtree(path / name)
    (path / "annotations").mkdir()
    (path / "annotations" / "a.json").write_text("{}")
    return path


def class_only_in_test(path: Path) -> Path:
    write_folders(path / "train")
    write_folders(path / "test")
    (path / "train" / "purple").mkdir()
    (path / "test" / "red").rename(path / "test" / "purple")
    return path


def unknown_test_class(path: Path) -> Path:
    write_folders(path / "train")
    (path / "test" / "purple").mkdir(parents=True)
    return path


def file_of(path: Path, name: str, content: bytes) -> Path:
    (path / name).write_bytes(content)
    return path / name


def a_text_file(path: Path) -> Path:
    (path / "data.txt").write_text("hello")
    return path / "data.txt"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path / "nowhere", "no such file or folder"),
        (one_class, "at least two classes, found 1: only"),
        (lambda path: npz(path, targets=(0, 5)), r"y_train must be in 0\.\.1, got 0\.\.5"),
        (without_labels, "lacks y_train, x_test, y_test, labels; it has x_train"),
        (lambda path: npz(path, labels=("a", "")), "data: a label must be a non-empty text .*, got ''"),
        (lambda path: npz(path, labels=(b"caf\xe9", b"dog")), "labels must be text or UTF-8: .* byte 0xe9"),
        (pickled, "cannot be read as an .npz file of plain arrays"),
        (
            class_of_broken_images,
            "no readable image to train on of purple: each class needs one; left out: 1 broken image",
        ),
        (one_class_with_images, "at least two classes, found 1: cat"),
        (class_only_in_test, "no readable image to train on of purple: "),
        (unknown_test_class, "test has classes that train has not: purple"),
        (a_text_file, "data.txt is neither an .npz file, a folder nor a zip file: give the folder that holds a folder"),
        (lambda path: file_of(path, "a.zip", b""), "a.zip is neither .*: it is empty: copy it again"),
        (lambda path: file_of(path, "a.zip", b"<!DOCTYPE html>"), "it is a web page, .*: download it again"),
        (lambda path: file_of(path, "a.zip", b"\x1f\x8b\x08"), "it is a gzip archive: unpack it, and give the folder"),
        (lambda path: file_of(path, "a.tar", bytes(257) + b"ustar"), "it is a tar archive: unpack it"),
        (lambda path: file_of(path, "a.7z", b"7z\xbc\xaf\x27\x1c"), "it is a 7z archive: unpack it"),
        (lambda path: file_of(path, "a.z01", b"PK\x03\x04"), "it is damaged, or a part of several"),
    ],
)
def test_unusable_data_is_refused_with_the_reason(tmp_path, make, message):
    with pytest.raises(DatasetError, match=message):
        load_dataset(make(tmp_path), HeldOut(0.25, 0.0, 0))
