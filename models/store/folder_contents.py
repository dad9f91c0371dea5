"""Lists what lies in a folder, or under it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FolderContents:
    """The contents of a folder, as POSIX paths relative to it.

    Attributes:
        files: regular files.
        folders: folders, the empty ones too.
        special_files: symbolic links, sockets, pipes and devices.
    """

    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    special_files: set[str] = field(default_factory=set)


def scan_folder(root: Path) -> FolderContents:
    """Walk a folder to its end, without following any symbolic link; OSError where it cannot be read."""
    contents = FolderContents()
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = folder + entry.name
                if entry.is_dir(follow_symlinks=False):
                    contents.folders.add(path)
                    waiting.append(f"{path}/")
                elif entry.is_file(follow_symlinks=False):
                    contents.files.add(path)
                else:
                    contents.special_files.add(path)
    return contents


def folders_in(folder: Path) -> list[str]:
    """List the folders in a folder, links to some too; none where it is no folder, OSError where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = []
            for entry in entries:
                is_folder = True  # also a link to where nobody may look, or to itself
                with suppress(OSError):
                    is_folder = entry.is_dir()
                if is_folder:
                    names.append(entry.name)
            return names
    except (FileNotFoundError, NotADirectoryError):
        return []
