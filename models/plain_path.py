"""Name files so that TensorFlow, which reads patterns in the names of what it restores, finds them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PATTERN = frozenset("*?[]{}\\")


@contextmanager
def plain_path(path: Path) -> Iterator[Path]:
    """Give a path to the same file or folder without characters of a pattern, such as brackets; the block's alone."""
    if _PATTERN.isdisjoint(str(path)):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="opsin-") as folder:
        link = Path(folder, "link")
        link.symlink_to(path.absolute())
        yield link
