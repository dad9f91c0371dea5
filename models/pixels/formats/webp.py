"""Reads WebP (RFC 9649): its size, which the decoder would allocate at once."""

from __future__ import annotations

from models.errors import CorruptImage
from models.pixels.formats.encoded import EncodedImage


def read(data: bytes) -> EncodedImage:
    """Read the first chunk. Metadata stays in: libwebp steps over it, and Pillow hands it out unread."""
    kind, body = data[12:16], data[20:30]
    if kind == b"VP8X" and len(body) == 10:
        size = (_little(body[4:7]) + 1, _little(body[7:10]) + 1)
    elif kind == b"VP8 " and len(body) == 10:
        size = (_little(body[6:8]) & 0x3FFF, _little(body[8:10]) & 0x3FFF)
    elif kind == b"VP8L" and len(body) >= 5:
        bits = _little(body[1:5])
        size = ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    else:
        raise CorruptImage("the WEBP image is truncated")
    return EncodedImage(format="WEBP", size=size, data=data)


def _little(value: bytes) -> int:
    return int.from_bytes(value, "little")
