"""The folder that an import works in: gone with it, and where it was killed, with the next one."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "opsin-import-"
YOUNG_S = 60.0  # a folder that its import may not have locked yet


@contextmanager
def work_folder() -> Iterator[Path]:
    """Make a folder to work in, locked so that others see that it is in use; removes what killed imports left."""
    _remove_left()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name)
        with _locked(folder):
            yield folder


def _remove_left() -> None:
    """Remove the folders of imports that were killed: our own, old enough, and locked by nobody."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # it is in use, another user's, or gone
            status = folder.lstat()
            if status.st_uid != os.getuid() or time.time() - status.st_mtime < YOUNG_S:
                continue
            with _locked(folder):
                shutil.rmtree(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder in the block, or until this process is killed; OSError where another has."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
