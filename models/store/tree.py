"""What lies under a folder, found without following any symbolic link."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tree:
    """The contents of a folder, as POSIX paths relative to it.

    Attributes:
        files: regular files.
        folders: folders, the empty ones too.
        strangers: whatever is neither: symbolic links, sockets, pipes, devices.
    """

    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    strangers: set[str] = field(default_factory=set)


def scan(root: Path) -> Tree:
    """Walk a folder to its end; OSError where it cannot be read."""
    tree = Tree()
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = folder + entry.name
                if entry.is_dir(follow_symlinks=False):
                    tree.folders.add(path)
                    waiting.append(f"{path}/")
                elif entry.is_file(follow_symlinks=False):
                    tree.files.add(path)
                else:
                    tree.strangers.add(path)
    return tree
