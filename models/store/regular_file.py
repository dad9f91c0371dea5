"""Opens the small files of a repository that servers follow, none of which may keep them waiting."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from models.errors import CorruptArtifact


def open_regular(path: Path) -> BinaryIO:
    """Open a file, or what a link leads to, for reading.

    Raises:
        CorruptArtifact: it is something else, such as a pipe, which would be waited for without end.
        OSError: it cannot be opened.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise CorruptArtifact(f"{path.name} of {path.parent.name!r} is no file, but a folder, a pipe or a device")
    return os.fdopen(handle, "rb")
