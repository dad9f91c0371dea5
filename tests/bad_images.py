"""Images that are broken, hostile or merely unusual, and what is right to answer: the rows of docs/robustness.md."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

import heif_files
from heif_files import extents, find, grid, heif, stream
from pictures import (
    encode,
    gradient,
    gray_tiff,
    into_jpeg,
    jpeg_segment,
    lossless_jpeg,
    png,
    png_chunk,
    tiff,
    with_orientation,
)
from PIL import Image

MEGABYTE = 2**20
INFLATES = zlib.compress(b"\xff" * MEGABYTE, 9)  # 1 KB
JPEG = encode(gradient(48, 64), "JPEG")
PROGRESSIVE = encode(gradient(48, 64), "JPEG", progressive=True)
END = b"\xff\xd9"


class Case(NamedTuple):
    """What is sent, what is answered, and what the message has where it is an error."""

    what: str
    make: Callable[[], bytes]
    status: int
    message: str = ""


def header_only(width: int, height: int, *, bits: int = 8, colour_type: int = 6) -> bytes:
    """A PNG that announces a size, and has next to nothing of it."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(bytes(1000))) + png_chunk(b"IEND", b"")


def deep_jpeg(bits: int) -> bytes:
    photo = bytearray(JPEG)
    photo[photo.index(b"\xff\xc0") + 4] = bits
    return bytes(photo)


def bitmap_of_jpeg() -> bytes:
    head = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 0, 0, 0, 54, 40, 48, 64, 1, 0, 4, len(JPEG), 0, 0, 0, 0)
    return head + JPEG


def frames(number: int) -> bytes:
    file = io.BytesIO()
    pictures = [Image.new("L", (8, 8), number % 256) for number in range(number)]
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:])
    return file.getvalue()


def pages(number: int) -> bytes:
    """A TIFF of noisy pages, compressed."""
    file = io.BytesIO()
    pictures = [Image.effect_noise((64, 64), 50) for _ in range(number)]
    pictures[0].save(file, "TIFF", save_all=True, append_images=pictures[1:], compression="tiff_lzw")
    return file.getvalue()


def scans(number: int) -> bytes:
    return PROGRESSIVE[:-2] + PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2] * number + END


def long_scan(num_components: int) -> bytes:
    header = b"\xff\xda" + struct.pack(">HB", 6 + 2 * num_components, 255) + bytes((1, 0)) * num_components
    return PROGRESSIVE[:-2] + header + bytes((0, 255, 0)) + END


def run_lengths(code: bytes, *, side_px: int) -> bytes:
    head = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 0, 0, 0, 58, 40, side_px, side_px, 1, 8, 1, 0, 0, 0, 1, 0)
    return head + bytes(4) + code * (MEGABYTE // len(code))


def tiles(number: int) -> bytes:
    shown = {256: 1, 257: number, 258: 8, 259: 8, 262: 1, 277: 1}
    return tiff(zlib.compress(bytes(64)), {**shown, 322: 2**24, 323: 1, 324: [8] * number, 325: [20] * number})


def hidden_tile() -> bytes:
    size = {256: 1, 257: 4, 258: 8, 259: 1, 262: 1, 277: 1}
    return tiff(b"\x0a\x14\x1e\x28", {**size, 273: 8, 278: 4, 279: 4, 322: 43_584, 323: 43_584, 324: 8, 325: 4})


def avif_that_says_less() -> bytes:
    large = encode(gradient(64, 64), "AVIF")
    units = bytearray(stream(large))
    return heif((b"av01", [extents(8, 8), find(large, b"av1C")], bytes(units) * 2000), brand=b"avif")


def heic_of_one_tile_over_and_over() -> bytes:
    """A grid of 256 x 256 tiles, all of which are one item."""
    tile = heif_files.encode(gradient(64, 64))
    coded = (b"hvc1", [find(tile, b"hvcC"), extents(64, 64)], stream(tile))
    picture = (b"grid", [extents(8, 8)], grid(128, 127, 8, 8))
    return heif(picture, coded, references=[(b"dimg", 1, *[2] * (128 * 127))])


def with_text(*chunks: bytes) -> bytes:
    return png(b"\xff\0\0", width=1, colour_type=2, before=b"".join(chunks) * 500)


def jpeg_of_size(width: int, height: int) -> bytes:
    photo = bytearray(JPEG)
    struct.pack_into(">HH", photo, photo.index(b"\xff\xc0") + 5, height, width)
    return bytes(photo)


REFUSED = [
    Case("text", lambda: b"hello", 415, "not an image of a known format"),
    Case("SVG, PDF, ZIP, a video", lambda: b"%PDF-1.7", 415, "the upload is a PDF document"),
    Case("a PNG of 4 gigapixels", lambda: header_only(65_535, 65_535), 413, "at most 250,000,000"),
    Case("a PNG of 200 megapixels with transparency", lambda: header_only(20_000, 10_000), 413, "1,600 MB"),
    Case("a PNG that has a thousandth of its pixels", lambda: header_only(4000, 4000), 422, "truncated"),
    Case("a PNG of a million chunks", lambda: with_text(png_chunk(b"abCd", b"") * 200), 422, "chunks in"),
    Case("a JPEG of 65,500 x 65,500 pixels", lambda: jpeg_of_size(65_500, 65_500), 413, "at most 250,000,000"),
    Case("a JPEG of 200 scans", lambda: scans(200), 422, "more than 100 scans"),
    Case("a JPEG scan that lists 32,000 components", lambda: long_scan(32_000), 422, "more than four components"),
    Case("a JPEG of 20,000 segments", lambda: into_jpeg(jpeg_segment(0xE3, b"") * 20_000), 422, "segments"),
    Case(
        "a JPEG with 2 MB of fill bytes before a marker",
        lambda: into_jpeg(b"\xff" * 2_000_000),
        422,
        "more than 1048576 bytes between its segments",
    ),
    Case("a JPEG without its last scans", lambda: PROGRESSIVE[: PROGRESSIVE.rindex(b"\xff\xda")], 422, "truncated"),
    Case("a JPEG of 12 bits, of two components, or JPEG-LS", lambda: deep_jpeg(12), 415, "3 components of 12 bits"),
    Case("400 tiles of 16 megapixels, of which 400 pixels show", lambda: tiles(400), 413, "takes? .*67.1 s"),
    Case(
        "a TIFF in 65,537 strips",
        lambda: gray_tiff(b"\0", width=1, bits=8, more={257: 65_535, 277: 3, 284: 2}),
        422,
        "pieces",
    ),
    Case(
        "a TIFF of float samples or five channels",
        lambda: tiff(bytes(20), {256: 1, 257: 1, 258: [8] * 5, 259: 1, 262: 2, 273: 8, 277: 5, 278: 1, 279: 5}),
        415,
        "5 samples a pixel of 8 bits, unsigned, which is not accepted",
    ),
    Case(
        "a TIFF compressed as JPEG 2000, WebP or LERC",
        lambda: gray_tiff(b"\0", width=1, bits=8, more={259: 34712}),
        415,
        "the compression JPEG 2000",
    ),
    Case("a bitmap that holds a JPEG, or has 2 or 64 bits a pixel", bitmap_of_jpeg, 415, "save it uncompressed"),
    Case(
        "a PNG as Xcode makes them",
        lambda: header_only(8, 8).replace(b"\n\0\0\0\rIHDR", b"\n" + png_chunk(b"CgBI", bytes(4)) + b"\0\0\0\rIHDR"),
        415,
        "CgBI",
    ),
    Case("a bitmap of run lengths that make no pixel", lambda: run_lengths(b"\0\2\0\0", side_px=8), 422, "truncated"),
    Case("a bitmap of run lengths, 49 megapixels", lambda: run_lengths(b"\1\1", side_px=7000), 413, "at most 5 s"),
    Case("an AVIF of 8 x 8 pixels and 2,000 frames of more", avif_that_says_less, 422, "more than 4096 units"),
    Case("a HEIC of one tile 16,256 times", heic_of_one_tile_over_and_over, 413, "at most 5 s"),
    Case(
        "a WebP of 16,383 x 16,383 pixels",
        lambda: b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xfe\x3f\0\xfe\x3f\0",
        413,
        "at most 250,000,000",
    ),
    Case("a GIF whose screen is 65,535 x 65,535", lambda: b"GIF89a" + b"\xff" * 4 + frames(1)[10:], 413, "at most"),
]

ANSWERED = [
    Case("a JPEG that says it is a PNG", lambda: JPEG, 200),
    Case("a JPEG that is a ZIP archive, too", lambda: JPEG + b"PK\3\4" + bytes(100), 200),
    Case("a JPEG without its end marker", lambda: JPEG[:-2], 200),
    Case("a JPEG with its maker's trailer instead of it", lambda: JPEG[:-2] + b"\0\0\1\nSEFHe\0\0\0SEFT", 200),
    Case(
        "a progressive JPEG with a video or gain map appended",
        lambda: PROGRESSIVE + b"\0\0\0\x18ftypmp42" + PROGRESSIVE * 100,
        200,
    ),
    Case("a JPEG of 200 megapixels in one scan, which is there", lambda: encode(flat(16_320, 12_240), "JPEG"), 200),
    Case(
        "PNG text, profiles and EXIF that inflate a thousandfold",
        lambda: with_text(
            png_chunk(b"iTXt", b"k\0\1\0\0\0" + INFLATES),
            png_chunk(b"iCCP", b"k\0\0" + INFLATES),
            png_chunk(b"zTXt", b"Raw profile type exif\0\0" + INFLATES),
        ),
        200,
    ),
    Case("a lossless JPEG of 8 bits", lambda: lossless_jpeg(500, 400), 200),
    Case("a GIF of 1,000 frames", lambda: frames(1000), 200),
    Case("a TIFF of 100 pages", lambda: pages(100), 200),
    Case("a tile of 1.9 gigapixels behind the tags of a strip", hidden_tile, 200),
    Case("EXIF that is broken", lambda: encode(gradient(8, 8), "JPEG", exif=b"Exif\0\0MM\0*" + b"\xff" * 40), 200),
    Case("turned by EXIF", lambda: encode(gradient(8, 8), "WEBP", exif=with_orientation(6)), 200),
]


def flat(width: int, height: int) -> Image.Image:
    return Image.new("L", (width, height), 128)
