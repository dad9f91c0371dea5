"""Says what to do where the folders of a data set are no classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from models.files.file_tree import FileTree
from models.plural import how_many
from training.dataset import DatasetError
from training.set_names import KNOWN, role_of

_ARCHIVES = {".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst"}
_LISTS = {".csv", ".json", ".xml", ".txt", ".yaml", ".yml", ".xlsx", ".parquet"}


def too_few_classes(name: str, labels: Sequence[str], tree: FileTree) -> DatasetError:
    """Say that fewer than two classes were found, what there is instead, and what to do.

    Args:
        name: of the data set.
        labels: that were found.
        tree: every file.
    """
    found = f"found {len(labels)}: {', '.join(labels) or 'none'}"
    if labels and role_of(labels[0]):
        found = f"found no folder in {labels[0]}"
    outside = f"; {how_many(len(tree.files), 'file lies', 'files lie')} in no class folder" if not labels else ""
    return DatasetError(
        f"{name} must hold train/<class>/<image> or <class>/<image> with at least two classes, "
        f"{found}{outside if tree.files else ''}{what_else(tree)} ({KNOWN})"
    )


def what_else(tree: FileTree) -> str:
    """Say what to do with archives, and with lists of labels, among the files; empty where there are none."""
    for suffixes, said in (
        (_ARCHIVES, "; it holds an archive, {}: unpack it first, and give the folder"),
        (_LISTS, "; labels in a file, such as {}, are not read: make a folder for each class"),
    ):
        if names := [file.path for file in tree.files if PurePosixPath(file.path).suffix.lower() in suffixes]:
            return said.format(names[0])
    return ""
