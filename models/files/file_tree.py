"""Lists a folder or a zip file once: every file in it, whatever it is, to be read when it is asked for."""

from __future__ import annotations

import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path
from typing import IO

from models.files.name_encodings import Guess
from models.files.zip_names import GUESS, read_names

# What a zip file that is damaged, locked by a password, or packed in a way that Python does not know raises.
ZIP_ERRORS = (zipfile.BadZipFile, UnicodeDecodeError, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError)


class TreeError(ValueError):
    """A folder or zip file cannot be listed; the message says why."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a tree.

    Attributes:
        path: within the tree, with "/" between folders.
        open: opens it; see `read`.
        stamp: changes with what is in it.
    """

    path: str
    open: Callable[[], IO[bytes]]
    stamp: tuple[int, ...] = ()

    def read(self, check: Callable[[bytes], object] = bytes, num_head_bytes: int = 512) -> bytes:
        """Return the bytes of the file.

        Args:
            check: called with the first bytes, before the rest is read; may raise.
            num_head_bytes: of them.

        Raises:
            OSError: it cannot be read; says why.
        """
        try:
            with self.open() as file:
                head = file.read(num_head_bytes)
                check(head)
                return head + file.read()
        except ZIP_ERRORS as error:
            is_locked = "password required" in str(error)
            raise OSError("a password locks it: unpack it first" if is_locked else str(error)) from error


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A file in a zip file; called, it is opened."""

    archive: zipfile.ZipFile
    info: zipfile.ZipInfo

    def __call__(self) -> IO[bytes]:
        """Open it; raises one of ZIP_ERRORS where that is not possible."""
        return self.archive.open(self.info)


@dataclass(frozen=True, slots=True)
class FileTree:
    """The files of a folder or zip file.

    Attributes:
        files: sorted by path.
        folders: paths of all folders, those without files too.
        guess: of the encoding of names in a zip file; None where it is known.
    """

    files: tuple[File, ...]
    folders: frozenset[str]
    guess: Guess | None = None


def open_tree(source: Path, zip_encoding: str = GUESS) -> FileTree:
    """List a folder, following links, or a zip file.

    Args:
        source: the folder or the zip file.
        zip_encoding: of names in a zip file that do not say it; "guess" to guess it.

    Raises:
        TreeError: it is neither, or cannot be listed.
    """
    if source.is_dir():
        try:
            found = list(walk(source))
        except OSError as error:
            raise TreeError(f"{source.name} cannot be listed: {error.strerror}") from error
        files = sorted((file for file in found if isinstance(file, File)), key=lambda file: file.path)
        return FileTree(tuple(files), frozenset(folder for folder in found if isinstance(folder, str)))
    if not zipfile.is_zipfile(source):
        raise TreeError(f"{source.name} is neither a folder nor a zip file")
    try:
        return _zip_tree(zipfile.ZipFile(source), zip_encoding)
    except (ValueError, *ZIP_ERRORS) as error:
        raise TreeError(f"{source.name} cannot be listed: {error}") from error


def walk(folder: Path, prefix: str = "", above: tuple[tuple[int, int], ...] = ()) -> Iterator[File | str]:
    """Yield files, and the paths of folders; one that leads back into itself is a file that cannot be read.

    Args:
        folder: following links.
        prefix: of the paths.
        above: device and inode of the folders that it lies in.
    """
    status = folder.stat()
    above = (*above, (status.st_dev, status.st_ino))
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + entry.name
            try:
                is_folder, status = entry.is_dir(), entry.stat()
            except OSError:  # a link that leads nowhere, or to itself
                is_folder = False
            if not is_folder:
                yield File(path, partial(open_file, Path(entry.path)), stamp_of(entry))
                continue
            identity = (status.st_dev, status.st_ino)
            if identity in above:
                yield File(path, _open_loop)
                continue
            yield path
            try:
                yield from walk(Path(entry.path), f"{path}/", above)
            except OSError:  # it may not be read, or went: left out, and said so, as a file in it
                yield File(f"{path}/", partial(FileIO, entry.path))


def stamp_of(file: Path | os.DirEntry[str]) -> tuple[int, ...]:
    """Return what changes with what is in a file; nothing where it is not there."""
    try:
        status = file.stat()
    except (OSError, ValueError):  # a link that leads nowhere; a name with a zero
        return ()
    return status.st_size, status.st_mtime_ns


def open_file(path: Path) -> IO[bytes]:
    """Open a file for reading; OSError where it is none."""
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would never end
        raise OSError("it is not a file")
    return path.open("rb")


def _open_loop() -> IO[bytes]:
    raise OSError("it is a link to a folder that it lies in")


def _zip_tree(archive: zipfile.ZipFile, encoding: str) -> FileTree:
    names = read_names(archive, encoding)
    files: dict[str, File] = {}
    folders: set[str] = set()
    for info, name in zip(archive.infolist(), names.paths, strict=True):
        parts = [part for part in name.split("/") if part not in ("", ".", "..")]
        path = "/".join(parts)
        if name.endswith("/"):
            folders.add(path)
        elif path:
            # Of two with one name the last counts, as for unzip.
            files[path] = File(path, ZipMember(archive, info), (info.file_size, info.CRC))
        folders.update(parents(path))
    return FileTree(tuple(files[path] for path in sorted(files)), frozenset(folders - {""}), names.guess)


def parents(path: str) -> Iterator[str]:
    """Yield the folders that a path passes through, the nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
