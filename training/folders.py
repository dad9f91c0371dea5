"""Checks that a command can write where it is told to, before it has spent any time, and finds what holds folders."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def require_writable(folders: Mapping[str, Path | None]) -> None:
    """Raise ValueError where a folder, or that in which it would be made, cannot be written.

    Args:
        folders: by what they are to a user, such as the option; None for one that is not known yet.
    """
    for name, folder in folders.items():
        if folder is None:
            continue
        path = folder.absolute()
        there = next(parent for parent in (path, *path.parents) if os.access(parent, os.F_OK))
        if not there.is_dir():
            raise ValueError(f"{name} must be a folder, got {folder}: {there} is a file")
        if not os.access(there, os.W_OK | os.X_OK):
            raise ValueError(
                f"{name} {folder} cannot be written, as {there} is read-only for you: choose another folder"
            )


def common_folder(*paths: Path) -> Path:
    """Return the deepest folder that holds all of some files and folders."""
    return Path(os.path.commonpath([path.resolve() for path in paths]))
