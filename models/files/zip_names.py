"""Reads the names in a zip file as their writer meant them: in any encoding, with slashes or backslashes."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass

from models.files.name_encodings import Guess, guess_encoding

_UTF_8_FLAG = 0x800
_UNICODE_PATH = 0x7075  # an extra field of Info-ZIP and 7-Zip (APPNOTE.TXT, 4.6.9)
GUESS = "guess"


@dataclass(frozen=True, slots=True)
class ZipNames:
    """The names in a zip file.

    Attributes:
        paths: of each entry, in order, with "/" between folders and at the end of a folder.
        guess: of the encoding; None where none was needed.
    """

    paths: tuple[str, ...]
    guess: Guess | None


def read_names(archive: zipfile.ZipFile, encoding: str = GUESS) -> ZipNames:
    """Read the names of an archive that was opened without `metadata_encoding`.

    Args:
        archive: its entries in other encodings than UTF-8 were decoded as code page 437, which loses nothing.
        encoding: of names that do not say it; "guess" to guess it from all of them.

    Raises:
        ValueError: there is no such encoding, or the names are not in it.
    """
    known = [stated_name(info) for info in archive.infolist()]
    unknown = [_raw(info) for info, name in zip(archive.infolist(), known, strict=True) if not name]
    guess = None
    if encoding == GUESS:
        guess = guess_encoding(unknown) if any(not name.isascii() for name in unknown) else None
        encoding = guess.encoding if guess else "ascii"
    try:
        decoded = iter([name.decode(encoding) for name in unknown])
    except LookupError:
        one = "guess, gbk, cp932, cp1252 or another encoding that Python knows"
        raise ValueError(f"zip_encoding must be {one}, got {encoding!r}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"the names in the zip file are not in {encoding}: {error.object!r}") from None
    # Some programs of Windows write its own separator; in Shift-JIS and GBK its byte may be half of a letter.
    return ZipNames(tuple((name or next(decoded)).replace("\\", "/") for name in known), guess)


def _raw(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("cp437")


def stated_name(info: zipfile.ZipInfo) -> str:
    """Return a name whose encoding is stated, or is plain; else an empty text."""
    if info.flag_bits & _UTF_8_FLAG:
        return info.orig_filename
    extra = info.extra
    while len(extra) >= 4:
        kind, length = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        body, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and int.from_bytes(body[1:5], "little") == zlib.crc32(_raw(info)):
            return body[5:].decode("utf-8", "replace")
    return ""
