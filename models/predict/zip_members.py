"""The members of a zip file, kept in a few bytes each, and read by any process that was forked."""

from __future__ import annotations

import zipfile
from array import array
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

_EMPTY = b"PK\5\6" + bytes(18)  # a zip file without members (APPNOTE.TXT, 4.3.16)
_FIELDS = ("header_offset", "compress_size", "file_size", "CRC", "compress_type", "flag_bits")


class ZipMembers:
    """Reads members by number.

    `zipfile` holds a thousand bytes a member, in each process: of a zip file of a million photos a gigabyte. What
    opening one takes is kept instead, for an archive that has not listed them.

    Args:
        path: of the zip file.
        infos: of the members, from an archive that was opened without `metadata_encoding`.
    """

    def __init__(self, path: Path, infos: Sequence[zipfile.ZipInfo]) -> None:
        self._path = path.absolute()
        self._archive = zipfile.ZipFile(BytesIO(_EMPTY))
        self._names = [info.orig_filename for info in infos]
        self._values = array("Q", [getattr(info, field) for info in infos for field in _FIELDS])

    def read(self, number: int, num_bytes: int) -> bytes:
        """Read so many bytes of a member, or all; raises what `zipfile` does."""
        info = zipfile.ZipInfo(self._names[number])
        first = number * len(_FIELDS)
        for field, value in zip(_FIELDS, self._values[first : first + len(_FIELDS)], strict=True):
            setattr(info, field, value)
        with self._path.open("rb") as self._archive.fp, self._archive.open(info) as member:
            return member.read(num_bytes)
