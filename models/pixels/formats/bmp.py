"""Reads BMP (Windows and OS/2 bitmap headers): its size, and what decoding it costs."""

from __future__ import annotations

import struct

from models.pixels.formats.encoded import Cost, EncodedImage

_CORE_HEADER_BYTES = 12
_RLE = {1, 2}
_NS_A_PIXEL, _PIXEL_BYTES = 10, 12
# Pillow decodes run lengths in Python: a pixel that fills up its line, and a byte of codes that make no pixel.
_NS_AN_RLE_PIXEL, _NS_AN_RLE_BYTE = 250, 400


def read(data: bytes) -> EncodedImage:
    """Read the header; of run lengths only those are kept that can make a pixel."""
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    compression = 0
    if header_bytes == _CORE_HEADER_BYTES:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height, _, compression = struct.unpack_from("<IiII", data, 18)
    num_pixels = width * abs(height)
    cost_ns = _NS_A_PIXEL * num_pixels
    if compression in _RLE:
        (first,) = struct.unpack_from("<I", data, 10)
        # A run has two bytes, and each line another two; what more there is makes no pixel.
        data = data[: first + 2 * num_pixels + 2 * abs(height) + 2]
        cost_ns = _NS_AN_RLE_PIXEL * num_pixels + _NS_AN_RLE_BYTE * len(data)
    return EncodedImage(
        format="BMP",
        size=(width, abs(height)),
        data=data,
        orientation=1,
        cost=Cost(cost_ns / 1e9, _PIXEL_BYTES * num_pixels),
    )
