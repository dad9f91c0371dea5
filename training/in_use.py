"""Let one command at a time write to the folder of a run."""

from __future__ import annotations

import fcntl
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from models.store.durable import remove_leftovers


@contextmanager
def alone_in(workdir: Path) -> Iterator[None]:
    """Hold a folder, which is made if it is not there, and is removed if nothing was written to it.

    What commands that were killed have left in it under temporary names is removed.
    The end of the process, however it comes, lets go of it.

    Raises:
        ValueError: another command is at work in it.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    handle = os.open(workdir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_leftovers(workdir, math.inf)  # of commands that were killed: nobody else writes here now
        except BlockingIOError:
            raise ValueError(
                f"another command is at work in {workdir}: wait until it has ended, or use another folder"
            ) from None
        except OSError:
            pass  # some network file systems have no locks
        yield
    finally:
        with suppress(OSError):
            workdir.rmdir()
        os.close(handle)
