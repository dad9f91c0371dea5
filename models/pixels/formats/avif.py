"""Reads AVIF (ISO 23008-12): its size, and takes the EXIF item out of sight."""

from __future__ import annotations

import re

from models.pixels.formats.boxes import boxes
from models.pixels.formats.encoded import EncodedImage

# Image spatial extents: box length 20, type, version and flags, width, height.
_EXTENTS = re.compile(rb"\x00\x00\x00\x14ispe\x00{4}(.{4})(.{4})", re.DOTALL)


def read(data: bytes) -> EncodedImage:
    """Read the metadata box.

    AVIF is turned by its own properties (irot, imir), which Pillow hands out as an orientation; EXIF may not turn it
    (ISO 23008-12, A.2.4). Pillow would still parse it, and warn where it is broken, so its items get another type.
    """
    for kind, start, _, end in boxes(data):
        if kind == b"meta":
            meta = data[start:end]
            sizes = [(int.from_bytes(w, "big"), int.from_bytes(h, "big")) for w, h in _EXTENTS.findall(meta)]
            hidden = meta.replace(b"Exif", b"none")
            whole = data if hidden == meta else b"".join((data[:start], hidden, memoryview(data)[end:]))
            # Thumbnails, tiles of a grid and alpha planes have extents too; none is larger than the picture.
            return EncodedImage("AVIF", max(sizes, key=lambda size: size[0] * size[1], default=None), whole)
    return EncodedImage("AVIF", None, data)
