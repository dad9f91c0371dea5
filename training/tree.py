"""A folder, plain or in a zip file: which of its entries are somebody's own, not the system's."""

from __future__ import annotations

import zipfile
from pathlib import Path

Tree = Path | zipfile.Path  # both list, name and read in the same way


def open_zip(path: Path) -> zipfile.Path:
    """The root of a zip file, whose names are UTF-8 where all can be; otherwise code page 437, as the format has it."""
    try:
        # Info-ZIP and macOS write UTF-8 without the flag that says so.
        return zipfile.Path(zipfile.ZipFile(path, metadata_encoding="utf-8"))
    except UnicodeDecodeError:
        return zipfile.Path(path)


def visible_entries(folder: Tree) -> list[Tree]:
    """Files and folders by name, without those that systems hide or put into archives."""
    entries: list[Tree] = [entry for entry in folder.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
    return sorted(entries, key=lambda entry: entry.name)
