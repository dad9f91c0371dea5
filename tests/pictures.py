"""Small pictures that tests make for themselves."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import heif_files
import numpy as np
import numpy.typing as npt
from PIL import Image


def encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
    if image_format == "HEIC":
        return heif_files.encode(image, **options)
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def with_orientation(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def noise(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(height * 10_000 + width).integers(0, 256, (height, width, 3), np.uint8)


def gradient(height: int, width: int) -> Image.Image:
    """Smooth and without symmetry, so that JPEG keeps it and each turn shows."""
    rows, columns = np.mgrid[0:height, 0:width]
    channels = (255 * rows / height, 255 * columns / width, 127 * (rows / height) ** 2 + 100 * columns / width)
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    row: bytes, *, width: int, bits: int = 8, colour_type: int = 0, before: bytes = b"", after: bytes = b""
) -> bytes:
    """A PNG of one row, with chunks before and after its picture."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, bits, colour_type, 0, 0, 0))
    picture = png_chunk(b"IDAT", zlib.compress(b"\0" + row))
    return b"\x89PNG\r\n\x1a\n" + header + before + picture + after + png_chunk(b"IEND", b"")


def tiff(pixels: bytes, tags: dict[int, int | list[int]], *, order: str = "<") -> bytes:
    """A TIFF whose pixels start at byte 8, for what Pillow reads but does not write; all values are 32 bits."""
    out_of_line = b""
    entries = b""
    start = 8 + len(pixels)
    for tag, value in sorted(tags.items()):
        values = value if isinstance(value, list) else [value]
        inline = values[0]
        if len(values) > 1:
            inline = start + 2 + 12 * len(tags) + 4 + len(out_of_line)
            out_of_line += struct.pack(f"{order}{len(values)}I", *values)
        entries += struct.pack(order + "HHII", tag, 4, len(values), inline)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    return head + pixels + struct.pack(order + "H", len(tags)) + entries + bytes(4) + out_of_line


def gray_tiff(
    row: bytes, *, width: int, bits: int, more: dict[int, int | list[int]] | None = None, order: str = "<"
) -> bytes:
    """A TIFF of one row of gray samples."""
    tags = {256: width, 257: 1, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: len(row)}
    return tiff(row, {**tags, **(more or {})}, order=order)


def lossless_jpeg(width: int, height: int) -> bytes:
    """A JPEG without loss (T.81, annex H), which no library here writes: gray, 200 at the left and 72 at the right.

    Each sample is told by its difference from the one before it, or of a row's first from that above: one code for the
    number of its bits, 0, 7 or 8, and these.
    """
    zero, first, step = "0", "10" + f"{200 - 128:07b}", "110" + f"{72 - 200 + 255:08b}"
    row = zero * (width // 2 - 1) + step + zero * (width - width // 2 - 1)
    bits = first + row + (zero + row) * (height - 1)
    bits += "1" * (-len(bits) % 8)
    coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    frame = jpeg_segment(0xC3, struct.pack(">BHHB3B", 8, height, width, 1, 1, 0x11, 0))
    codes = jpeg_segment(0xC4, bytes((0, 1, 1, 1, *[0] * 13, 0, 7, 8)))
    return b"\xff\xd8" + frame + codes + jpeg_segment(0xDA, bytes((1, 1, 0, 1, 0, 0))) + coded + b"\xff\xd9"


SMALL_JPEG = encode(gradient(16, 16), "JPEG")


def jpeg_segment(marker, body):
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def into_jpeg(segments):
    return SMALL_JPEG[:2] + segments + SMALL_JPEG[2:]
