"""Lists what lies under a folder, without following any symbolic link."""

from __future__ import annotations

import os
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
    """Walk a folder to its end; OSError where it cannot be read."""
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
