"""Makes the folder that keeps machine code from start to start: who may write into it may run code as its user."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

log = logging.getLogger("opsin.engine")


def private_folder(folder: Path, name: str) -> Path | None:
    """Return a folder in OPSIN_CACHE, made if it is missing; None, with a warning, where it is not to be used.

    Args:
        folder: OPSIN_CACHE.
        name: of the folder in it.
    """
    own = folder / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own.mkdir(mode=0o700, exist_ok=True)
        others_may_write = any(each.stat().st_mode & stat.S_IWOTH for each in (folder, own))
    except OSError as error:
        log.warning("OPSIN_CACHE is not used: %s: %s", folder, error.strerror)
        return None
    if others_may_write:
        log.warning("OPSIN_CACHE is not used: %s: every user may write into it, and its code is run", folder)
        return None
    if not os.access(own, os.W_OK | os.X_OK):
        log.warning("OPSIN_CACHE is not used: %s: not writable", folder)
        return None
    return own
