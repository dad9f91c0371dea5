"""Reads WebP (RFC 9649): its size, which the decoder would allocate at once, and how it is coded."""

from __future__ import annotations

from models.errors import CorruptImage
from models.pixels.formats.encoded import Cost, EncodedImage
from models.pixels.formats.exif import read_orientation

_HEADER_BYTES, _CHUNK_BYTES, _FRAME_BYTES = 12, 8, 16
_MAX_CHUNKS = 64  # before the first picture: colour profile, animation, transparency
_MAX_ALL_CHUNKS = 4096  # before metadata, which stands last
# Measured with 8 megapixels, flat and noisy: a pixel, a byte that loses nothing, and one that does.
_NS_A_PIXEL, _NS_A_LOSSLESS_BYTE, _NS_A_BYTE = 26, 25, 110
_PIXEL_BYTES = 17  # Pillow opens every WebP as an animation, which keeps two canvases


def read(data: bytes) -> EncodedImage:
    """Read the chunks up to the first picture, which of an animation is the first frame.

    All stay in: libwebp steps over metadata, and Pillow hands it out unread.
    """
    size, kind, body = (0, 0), data[12:16], data[20:30]
    if is_extended := kind == b"VP8X" and len(body) == 10:
        size = (_little(body[4:7]) + 1, _little(body[7:10]) + 1)
        kind, body = _first_picture(data)
    if kind == b"VP8 " and len(body) == 10:
        own = (_little(body[6:8]) & 0x3FFF, _little(body[8:10]) & 0x3FFF)
    elif kind == b"VP8L" and len(body) >= 5:
        bits = _little(body[1:5])
        own = ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    elif is_extended:
        own = size  # nothing will be decoded
    else:
        raise CorruptImage("the WEBP image is truncated")
    size = max(size, own, key=lambda size: size[0] * size[1])
    num_pixels = size[0] * size[1]
    cost_ns = _NS_A_PIXEL * num_pixels + (_NS_A_LOSSLESS_BYTE if kind == b"VP8L" else _NS_A_BYTE) * len(data)
    return EncodedImage(
        format="WEBP",
        size=size,
        data=data,
        cost=Cost(cost_ns / 1e9, _PIXEL_BYTES * num_pixels),
        is_plain=kind == b"VP8 " and not is_extended,
    )


def orientation_of(data: bytes) -> int:
    """Find the EXIF orientation, 1 to 8, as Pillow hands it out once it has opened the file; 1 where there is none."""
    found: dict[bytes, bytes] = {}
    position = _HEADER_BYTES
    for _ in range(_MAX_ALL_CHUNKS):
        kind, num_bytes = data[position : position + 4], _little(data[position + 4 : position + 8])
        if len(kind) < 4:
            break
        position += _CHUNK_BYTES
        if kind in (b"EXIF", b"XMP "):
            found.setdefault(kind, data[position : position + num_bytes])
        position += num_bytes + num_bytes % 2
    return read_orientation(found.get(b"EXIF", b""), found.get(b"XMP ", b""))


def _first_picture(data: bytes) -> tuple[bytes, bytes]:
    """Find the kind and the first bytes of the first coded picture of an extended file; empty where it has none."""
    position = _HEADER_BYTES
    for _ in range(_MAX_CHUNKS):
        kind = data[position : position + 4]
        if kind in (b"VP8 ", b"VP8L"):
            return kind, data[position + _CHUNK_BYTES : position + _CHUNK_BYTES + 10]
        if kind == b"ANMF":
            position += _CHUNK_BYTES + _FRAME_BYTES
            continue
        num_bytes = _little(data[position + 4 : position + 8])
        position += _CHUNK_BYTES + num_bytes + num_bytes % 2
    return b"", b""


def _little(value: bytes) -> int:
    return int.from_bytes(value, "little")
