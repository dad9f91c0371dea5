"""Reads and writes boxes, of which ISO base media files consist (ISO 14496-12, 4.2): AVIF and HEIC are such files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_MAX_BOXES = 4096  # in one box, or in the file


class Box(NamedTuple):
    """A box and where it stands in what was read; a part that breaks off ends with the data."""

    kind: bytes
    start: int
    body: int
    end: int


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield the boxes of a file, or of the part of it between two positions; what is no box ends them."""
    end = len(data) if end is None else min(end, len(data))
    for _ in range(_MAX_BOXES):
        if start + 8 > end:
            return
        size, body = int.from_bytes(data[start : start + 4], "big"), start + 8
        if size == 1:
            size, body = int.from_bytes(data[body : body + 8], "big"), body + 8
        after = end if size == 0 else start + size
        if after < body:
            return
        yield Box(data[start + 4 : start + 8], start, body, min(after, end))
        start = after


class Numbers:
    """Big-endian numbers, one after another.

    Raises:
        ValueError: the data is over.
    """

    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    def take(self, num_bytes: int) -> int:
        """Read an unsigned integer of so many bytes."""
        return int.from_bytes(self.bytes(num_bytes), "big")

    def bytes(self, count: int) -> bytes:
        """Read so many bytes."""
        start, self._position = self._position, self._position + count
        if self._position > len(self._data):
            raise ValueError("truncated")
        return self._data[start : self._position]


def write_box(kind: bytes, *parts: bytes) -> bytes:
    """Write a box of these parts."""
    body = b"".join(parts)
    return (8 + len(body)).to_bytes(4, "big") + kind + body
