"""Reads how much memory this process and those beside it may take, where a container limits it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from models.runtime.control_groups import ROOT, groups

FILES = ("memory.max", "memory.limit_in_bytes")  # of version 2, and of version 1
UNLIMITED_BYTES = 2**60  # version 1 says "unlimited" by a number of pages that no machine has


def memory_limit_bytes(root: Path = ROOT) -> int | None:
    """Return the least limit of this process's control group and of those that it is in; None: there is none.

    Args:
        root: where /proc and the control groups are.
    """
    return min(_limits(root), default=None)


def _limits(root: Path) -> Iterator[int]:
    for folder in groups("memory", root):
        for name in FILES:
            try:
                limit = int((folder / name).read_text())  # "max" is no number
            except (OSError, ValueError):
                continue
            if 0 < limit < UNLIMITED_BYTES:
                yield limit
