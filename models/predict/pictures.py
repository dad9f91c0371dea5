"""The pictures to classify: the files of a folder or zip file, or those that a list names; each is read when asked."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import ImageError, ImageTooLarge, OpsinError
from models.files.file_tree import ZIP_ERRORS, File, TreeError, ZipMember, open_tree, stamp_of, walk
from models.files.hidden import is_hidden
from models.pixels.formats import identify
from models.predict.zip_members import ZipMembers

STANDARD_INPUT = "-"


class UnusableSource(OpsinError):
    """What was given holds no pictures, or cannot be read."""

    code = "unusable_source"


class UnreadableFile(ImageError):
    """A file that is listed cannot be read."""

    code = "unreadable_file"


@dataclass(frozen=True, slots=True)
class Pictures:
    """Files that should be pictures.

    Attributes:
        names: in the order of the answers, with "/" between folders.
        sha256: of names, sizes and times: another value, other files.
        num_hidden: files left out, as systems put them beside photos.
        read_some: reads at most so many bytes, the second, of a file by its number; OSError or one of ZIP_ERRORS where
            that is not possible.
    """

    names: Sequence[str]
    sha256: str
    num_hidden: int
    read_some: Callable[[int, int], bytes]

    @property
    def described(self) -> str:
        """What a run says of them: the same words, the same files."""
        return f"{len(self.names)} files, sha256 {self.sha256}"

    def read(self, number: int, max_bytes: int) -> bytes:
        """Read a file.

        Raises:
            UnreadableFile: it is gone, locked or broken.
            ImageTooLarge: it has more bytes than that.
        """
        try:
            data = self.read_some(number, max_bytes + 1)
        except ZIP_ERRORS as error:
            why = "a password locks it" if "password required" in str(error) else "the zip file is damaged there"
            raise UnreadableFile(f"the file cannot be read: {why}") from None
        except OSError as error:
            raise UnreadableFile(f"the file cannot be read: {error.strerror or error}") from None
        if len(data) > max_bytes:
            raise ImageTooLarge(f"the image has more than the {max_bytes:,} bytes that are accepted")
        return data


def open_pictures(source: str, *, without: Sequence[Path] = ()) -> Pictures:
    """List a folder with all folders in it, a zip file, or the lines of a text file.

    Args:
        source: a path; "-" is a list on standard input.
        without: files that are none of the pictures, wherever they lie.

    Raises:
        UnusableSource: it is not there, is none of these, or names no file.
    """
    path = Path(source)
    try:
        if source == STANDARD_INPUT:
            pictures = listed_pictures(sys.stdin.buffer.read())
        elif path.is_dir():
            pictures = folder_pictures(path, without)
        elif zipfile.is_zipfile(path):
            pictures = zip_pictures(path)
        else:
            pictures = listed_pictures(path.read_bytes())
    except TreeError as error:
        raise UnusableSource(str(error)) from None
    except OSError as error:
        raise UnusableSource(f"{source} cannot be read: {error.strerror or error}") from None
    if not pictures.names:
        raise UnusableSource(f"{source} holds no file to classify")
    return pictures


def shown_name(name: str) -> str:
    """Write a name as text: bytes that are no UTF-8 as backslash escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def folder_pictures(root: Path, without: Sequence[Path]) -> Pictures:
    """List the files of a folder and the folders in it that are not hidden."""
    # The names alone are kept, and looked up again: a million files are then no gigabyte.
    found = [file.path for file in walk(root) if isinstance(file, File)]
    own = {path.parent.resolve() / path.name for path in without}
    inside = {str(path.relative_to(root.resolve())) for path in own if path.is_relative_to(root.resolve())}
    names = sorted(path for path in found if not is_hidden(path) and path not in inside)
    num_hidden = sum(is_hidden(path) for path in found)

    def read_some(number: int, num_bytes: int) -> bytes:
        if names[number].endswith("/"):  # a folder that could not be listed, and says now why
            next((root / names[number]).iterdir(), None)
        return read_file(f"{root}/{names[number]}", num_bytes)

    return Pictures(names, _sha256(names, (stamp_of(root / name) for name in names)), num_hidden, read_some)


def zip_pictures(path: Path) -> Pictures:
    """List the members of a zip file that are not hidden; nothing is unpacked to disk."""
    tree = open_tree(path)
    files = [file for file in tree.files if not is_hidden(file.path)]
    names = [file.path for file in files]
    members = [file.open for file in files if isinstance(file.open, ZipMember)]
    read_some = ZipMembers(path, [member.info for member in members]).read
    sha256 = _sha256(names, (file.stamp for file in files))
    return Pictures(names, sha256, len(tree.files) - len(files), read_some)


def listed_pictures(content: bytes) -> Pictures:
    """List the paths that a text has, one a line; empty lines are none."""
    try:
        kind = identify(content[:4096])
    except ImageError:
        kind = ""
    if kind or b"\0" in content:
        what = f"a {kind} image" if kind else "no text file"
        raise UnusableSource(f"it is {what}: give a folder, a zip file, or a text file with the path of a file a line")
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines()
    names = [os.fsdecode(line) for line in lines if line.strip()]
    sha256 = _sha256(names, (stamp_of(Path(name)) for name in names))
    return Pictures(names, sha256, 0, lambda number, num_bytes: read_file(names[number], num_bytes))


def _sha256(names: Sequence[str], stamps: Iterable[tuple[int, ...]]) -> str:
    digest = hashlib.sha256()
    for name, stamp in zip(names, stamps, strict=True):
        digest.update(repr((name, stamp)).encode())
    return digest.hexdigest()


def read_file(path: str, num_bytes: int) -> bytes:
    """Read so many bytes of a file, or all that it has; OSError where it is none."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would be waited for
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a file")
        return os.read(file, min(num_bytes, status.st_size + 1))  # makes room for no more than there is
    finally:
        os.close(file)
