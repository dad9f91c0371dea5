"""Writes files so that readers never find half of one, even after a kill or a power failure.

Everything is written under a temporary name, brought to disk (fsync), and then renamed, which is one step.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TEMPORARY_PREFIX = ".tmp-"
MAX_TEMPORARY_AGE_S = 3600.0
_CHUNK_BYTES = 1024**2


def temporary_sibling(folder: Path) -> Path:
    """Choose a fresh name in `folder` that readers ignore."""
    return folder / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"


def write_file(path: Path, chunks: Iterable[bytes]) -> str:
    """Write a new file and bring it to disk.

    Returns:
        The sha256 of the bytes, in hex.
    """
    digest = hashlib.sha256()
    # os.open, and not tempfile: the umask decides who may read, as a server often runs as another user.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        for chunk in chunks:
            digest.update(chunk)
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    return digest.hexdigest()


def copy_file(source: Path, target: Path) -> str:
    """Copy into a new file, a chunk at a time, and bring it to disk; returns the sha256 in hex."""
    with source.open("rb") as file:
        return write_file(target, iter(lambda: file.read(_CHUNK_BYTES), b""))


@contextmanager
def replacing(path: Path, temporary: Path | None = None) -> Iterator[Path]:
    """Write a file so that readers find the old one or the whole new one.

    The block writes to the path that it is given. At its end that file is brought to disk and renamed to `path`; if
    the block raises, it is removed.

    Args:
        path: the file to write.
        temporary: where the block writes; writers at the same time need a name each. By default one name beside
            `path`, so that what a killed process left is written over by the next.
    """
    temporary = temporary or path.with_name(f"{TEMPORARY_PREFIX}{path.name}")
    temporary.unlink(missing_ok=True)
    try:
        yield temporary
        _sync(temporary, os.O_RDONLY)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` in the place of a file that may be there: readers find the old bytes or the new ones."""
    with replacing(path, temporary_sibling(path.parent)) as temporary:
        write_file(temporary, [data])


def make_folder(path: Path) -> None:
    """Make a folder and its missing parents, unless it is there, and bring their names to disk."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Bring the names in a folder to disk."""
    try:
        _sync(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        # Some network and user-space file systems have nothing to sync in a folder and say so.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def remove_leftovers(folder: Path, now_s: float) -> None:
    """Remove temporary files of writers that died: those untouched for MAX_TEMPORARY_AGE_S.

    Args:
        folder: where the writers wrote.
        now_s: the time by the clock of the file system (the mtime of something just written), which may not be ours.
    """
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        with suppress(OSError):  # another writer is removing it, or it is another user's: not our task to fail on
            inside = [Path(folder, name) for folder, folders, files in os.walk(path) for name in folders + files]
            last_change_s = max(entry.lstat().st_mtime for entry in [path, *inside])
            if now_s - last_change_s > MAX_TEMPORARY_AGE_S:
                # Renamed first: should its writer wake up after all, it finds nothing, rather than half.
                path = path.rename(temporary_sibling(folder))
                remove(path)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
