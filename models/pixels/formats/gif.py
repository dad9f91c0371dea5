"""Reads GIF (GIF89a specification): keeps the palette and the first frame."""

from __future__ import annotations

import struct

from models.errors import CorruptImage
from models.pixels.formats.encoded import Cost, EncodedImage

_SCREEN_BYTES = 13
_GRAPHIC_CONTROL = 0xF9
# Measured with 8 megapixels, flat and noisy. Pillow has the screen, and what is drawn on it, of up to 4 bytes a pixel.
_NS_A_PIXEL, _NS_A_BYTE = 16, 25
_PIXEL_BYTES = 13
# Extensions before the first picture, and stray bytes: a handful in any file that a program has written.
_MAX_BLOCKS = 10_000
_MAX_SUB_BLOCKS = 262_144  # of them together; 64 MB, where they are full


def read(data: bytes) -> EncodedImage:
    """Walk the blocks up to the first picture, dropping comments and application data."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    palette_bytes = 3 << ((flags & 7) + 1) if flags & 0x80 else 0
    screen_end = _SCREEN_BYTES + palette_bytes
    control, position = _find_picture(data, screen_end)
    left, top, frame_width, frame_height = struct.unpack_from("<4H", data, position + 1)
    # Like Pillow: a frame that leaves the screen enlarges it.
    size = (max(width, left + frame_width), max(height, top + frame_height))
    num_pixels = size[0] * size[1]
    return EncodedImage(
        format="GIF",
        size=size,
        cost=Cost((_NS_A_PIXEL * num_pixels + _NS_A_BYTE * (len(data) - position)) / 1e9, _PIXEL_BYTES * num_pixels),
        data=b"".join((data[:screen_end], control, memoryview(data)[position:])),
        orientation=1,
    )


def _find_picture(data: bytes, position: int) -> tuple[bytes, int]:
    """Find the graphic control extension in force, if any, and the start of the first image descriptor."""
    control = b""
    num_sub_blocks = 0
    for _ in range(_MAX_BLOCKS):
        introducer = data[position]
        if introducer == ord(","):
            return control, position
        if introducer == ord(";"):
            break
        if introducer != ord("!"):
            position += 1
            continue
        start, position = position, position + 2
        while size := data[position]:  # a sub-block
            position += size + 1
            num_sub_blocks += 1
            if num_sub_blocks > _MAX_SUB_BLOCKS:
                raise CorruptImage(
                    f"the GIF image is corrupt: more than {_MAX_SUB_BLOCKS} sub-blocks before its picture"
                )
        position += 1
        if data[start + 1] == _GRAPHIC_CONTROL and data[start + 2] >= 4:
            control = data[start:position]
    else:
        raise CorruptImage(f"the GIF image is corrupt: more than {_MAX_BLOCKS} blocks before its picture")
    raise CorruptImage("the GIF image is corrupt: it has no picture")
