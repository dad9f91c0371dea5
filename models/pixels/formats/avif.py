"""Reads AVIF (ISO 23008-12): its size, and takes the EXIF item out of sight."""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.pixels.formats.encoded import EncodedImage

_MAX_BOXES = 64
# Image spatial extents: box length 20, type, version and flags, width, height.
_EXTENTS = re.compile(rb"\x00\x00\x00\x14ispe\x00{4}(.{4})(.{4})", re.DOTALL)


def read(data: bytes) -> EncodedImage:
    """Read the metadata box.

    AVIF is turned by its own properties (irot, imir), which Pillow hands out as an orientation; EXIF may not turn it
    (ISO 23008-12, A.2.4). Pillow would still parse it, and warn where it is broken, so its items get another type.
    """
    for start, end in _boxes(data):
        if data[start + 4 : start + 8] == b"meta":
            meta = data[start:end]
            sizes = [(int.from_bytes(w, "big"), int.from_bytes(h, "big")) for w, h in _EXTENTS.findall(meta)]
            hidden = meta.replace(b"Exif", b"none")
            whole = data if hidden == meta else b"".join((data[:start], hidden, memoryview(data)[end:]))
            # Thumbnails, tiles of a grid and alpha planes have extents too; none is larger than the picture.
            return EncodedImage("AVIF", max(sizes, key=lambda size: size[0] * size[1], default=None), whole)
    return EncodedImage("AVIF", None, data)


def _boxes(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of the top-level boxes."""
    start = 0
    for _ in range(_MAX_BOXES):
        size = int.from_bytes(data[start : start + 4], "big")
        if size == 1:
            size = int.from_bytes(data[start + 8 : start + 16], "big")
        end = len(data) if size == 0 else start + size
        if size and size < 8:
            return
        yield start, min(end, len(data))
        start = end
        if start >= len(data):
            return
