"""Tells photos from what systems put beside them: thumbnails, settings of a window, resource forks."""

from __future__ import annotations

_SYSTEM_NAMES = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "__macosx", "$recycle.bin", "lost+found"}
)
REMOVED_FOLDER = "_removed"  # where `training.relabel` puts photos that belong to no class


def is_hidden(path: str) -> bool:
    """Tell whether systems hide a file or folder of this path, or make it for themselves."""
    return any(
        part.startswith(".") or part == REMOVED_FOLDER or part.lower() in _SYSTEM_NAMES for part in path.split("/")
    )
