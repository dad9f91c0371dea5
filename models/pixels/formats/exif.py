"""Reads the first directory of a TIFF file, or of an EXIF block, which is one, and the orientation in it."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace

# Bytes of one value by field type (TIFF 6.0, section 2; 13 is an offset; 16 to 18 BigTIFF).
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGER_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_BYTE_ORDERS = {b"II": "<", b"MM": ">"}
_CLASSIC, _BIG = 42, 43
# A tag has 16 bits. BigTIFF could announce 2**64 entries.
_MAX_TAGS = 65_536

_UPRIGHT = 1
_ORIENTATIONS = range(1, 9)
_ORIENTATION_TAG = 274
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")
_PREFIX = b"Exif\x00\x00"


@dataclass(frozen=True, slots=True)
class Field:
    """The values of one tag, as they lie in the file."""

    type: int
    count: int
    offset: int

    @property
    def size_bytes(self) -> int:
        """Bytes of all values together."""
        return self.count * _VALUE_BYTES[self.type]

    def first(self, count: int) -> Field:
        """Cut to the first `count` values."""
        return replace(self, count=min(count, self.count))


class Directory:
    """Fields of the first directory, whose values are read when asked for.

    Of two fields with one tag the first counts, as in Pillow. A field of an unknown type, or whose values lie outside
    the data, is left out.

    Raises:
        ValueError: no TIFF header.
        struct.error: the directory lies outside the data.
    """

    def __init__(self, data: bytes) -> None:
        version = set(data[2:4]) & {_CLASSIC, _BIG}
        if data[:2] not in _BYTE_ORDERS or not version:
            raise ValueError("no TIFF header")
        self.data = data
        self.order = _BYTE_ORDERS[data[:2]]
        self.is_big = version == {_BIG}
        self.pointer = "Q" if self.is_big else "I"
        self.header_bytes = 16 if self.is_big else 8
        self._inline_bytes = struct.calcsize(self.pointer)
        self._entry_format = f"{self.order}HH{self.pointer}{self._inline_bytes}s"
        self.fields = self._read_fields()

    def _read_fields(self) -> dict[int, Field]:
        start = self._unpack(self.pointer, self.header_bytes - self._inline_bytes)
        count_code = "Q" if self.is_big else "H"
        count = self._unpack(count_code, start)
        start += struct.calcsize(count_code)
        entry_bytes = struct.calcsize(self._entry_format)
        count = min(count, _MAX_TAGS, (len(self.data) - start) // entry_bytes)
        fields: dict[int, Field] = {}
        for position in range(start, start + count * entry_bytes, entry_bytes):
            tag, kind, num_values, _ = struct.unpack_from(self._entry_format, self.data, position)
            if tag in fields or kind not in _VALUE_BYTES or num_values == 0:
                continue
            field = Field(kind, num_values, position + entry_bytes - self._inline_bytes)
            if field.size_bytes > self._inline_bytes:
                field = replace(field, offset=self._unpack(self.pointer, field.offset))
            if field.offset + field.size_bytes <= len(self.data):
                fields[tag] = field
        return fields

    def _unpack(self, code: str, offset: int) -> int:
        value: int = struct.unpack_from(self.order + code, self.data, offset)[0]
        return value

    def integer(self, tag: int, *, default: int = 0) -> int:
        """Read a tag's first value; return the default unless it is an unsigned integer."""
        field = self.fields.get(tag)
        if field is None or field.type not in _INTEGER_CODES:
            return default
        return self._unpack(_INTEGER_CODES[field.type], field.offset)

    def integers(self, tag: int) -> list[int]:
        """Read all values of a tag; none unless they are unsigned integers."""
        field = self.fields.get(tag)
        if field is None or field.type not in _INTEGER_CODES:
            return []
        code = _INTEGER_CODES[field.type]
        return list(struct.unpack_from(f"{self.order}{min(field.count, _MAX_TAGS)}{code}", self.data, field.offset))

    def values(self, tag: int) -> bytes:
        """Return the bytes of a tag's values; empty without the tag."""
        field = self.fields.get(tag)
        return b"" if field is None else self.data[field.offset : field.offset + field.size_bytes]

    def entry(self, tag: int, field: Field) -> bytes:
        """Write a field as an entry of a new directory of the same file."""
        value = struct.pack(self.order + self.pointer, field.offset)
        if field.size_bytes <= self._inline_bytes:
            value = self.data[field.offset : field.offset + field.size_bytes]
        return struct.pack(self._entry_format, tag, field.type, field.count, value)


def read_orientation(exif: bytes, xmp: bytes = b"") -> int:
    """Find the orientation in an EXIF block, else in an XMP packet, as Pillow does.

    Args:
        exif: a TIFF header and its directory, with or without the prefix that JPEG puts before it.
        xmp: XML that is searched, not parsed.

    Returns:
        1 to 8 (CIPA DC-008, 4.6.5); 1 where there is none, or where it cannot be read: a photo is worth more than its
        metadata.
    """
    for _ in range(2):  # some writers put it twice, and there is no third time to pay for
        exif = exif.removeprefix(_PREFIX)
    try:
        return orientation_of(Directory(exif), xmp)
    except (ValueError, struct.error):
        return orientation_of(None, xmp)


def orientation_of(directory: Directory | None, xmp: bytes) -> int:
    """Find the orientation, 1 to 8, in a directory, else in an XMP packet; 1 where there is none."""
    orientation = directory.integer(_ORIENTATION_TAG) if directory else 0
    if not orientation and (match := _XMP_ORIENTATION.search(xmp)):
        orientation = int(match[1])
    return orientation if orientation in _ORIENTATIONS else _UPRIGHT
