"""Reads TIFF (revision 6.0, and BigTIFF): writes it a directory with only those tags that make its pixels."""

from __future__ import annotations

import math
import re
import struct
from bisect import bisect_left
from io import BytesIO
from itertools import islice
from typing import NamedTuple

from PIL import TiffImagePlugin

from models.errors import CorruptImage, UnsupportedImage
from models.pixels.formats.encoded import Cost, EncodedImage, Samples
from models.pixels.formats.exif import Directory, orientation_of
from models.pixels.formats.raw import refuse_raw

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 277, 278, 279
_PLANAR, _TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_BYTES = 284, 322, 323, 324, 325
_SAMPLE_FORMAT, _XMP = 339, 700
_SEPARATE_PLANES = 2
_SIGNED = 2
_SAMPLE_KINDS = {1: "unsigned", _SIGNED: "signed", 3: "floating point"}
# As Pillow says it.
_LAYOUT_UNKNOWN = re.compile("unknown pixel mode|unknown data organization|Invalid value for samples per pixel")

# One value each: fill order, fax options, predictor and old-style JPEG beside those named above.
_SCALARS = {_WIDTH, _LENGTH, _COMPRESSION, _PHOTOMETRIC, 266, _SAMPLES, _ROWS_PER_STRIP, _PLANAR, 292, 293, 317}
_SCALARS |= {_TILE_WIDTH, _TILE_LENGTH, 512, 513, 514, 515}
# Colour map, extra samples, JPEG tables, old-style JPEG tables, YCbCr coefficients and ranges.
_LISTS = {_BITS, _SAMPLE_FORMAT, 320, 338, 347, 519, 520, 521, 529, 530, 531, 532}
_SEGMENTS = {_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES}
_STRIPS = {_STRIP_OFFSETS, _ROWS_PER_STRIP, _STRIP_BYTES}
_TILES = {_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_BYTES}

_NO_COMPRESSION = 1
# CCITT's three, LZW, JPEG's and Deflate's two, raw of 16 bits, PackBits, ThunderScan, LogLuv's two, LZMA, zstd.
_COMPRESSIONS = {1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32809, 32946, 34676, 34677, 34925, 50000}
_UNKNOWN_COMPRESSIONS = {
    **dict.fromkeys((33003, 33004, 33005, 34712), "JPEG 2000"),
    **dict.fromkeys((50002, 52546), "JPEG XL"),
    **dict.fromkeys((22610, 34934), "JPEG XR"),
    **dict.fromkeys((34927, 50001), "WebP"),
    34661: "JBIG",
    34887: "LERC",
}
_DEFAULT_SAMPLES = 3  # of a picture in JPEG; of others 1, as the specification has it
_MAX_LIST_BYTES = 1024**2
# Pillow takes each strip in Python; this is one for each row of the tallest image that is accepted.
_MAX_SEGMENTS = 65_536
# Measured with 8 megapixels, flat and noisy: a pixel, a byte of its samples, an encoded byte, a strip or tile.
_NS_A_PIXEL, _NS_A_RAW_BYTE, _NS_A_BYTE, _NS_A_SEGMENT = 4, 6, 30, 25_000
_NS_A_LAB_PIXEL, _LAB = 60, 8  # which LittleCMS converts to sRGB
# A strip in JPEG may have several scans, of which libtiff decodes a hundred.
_JPEG_COMPRESSIONS, _SCAN = {6, 7}, re.compile(b"\xff\xda")
_MAX_SCANS_A_SEGMENT, _MAX_SCANS, _NS_A_SAMPLE_AND_SCAN = 100, 262_144, 0.6
_PIXEL_BYTES, _ALPHA_PIXEL_BYTES = 8, 12  # as Pillow keeps it, and what it is converted to; of gray with alpha


def read(data: bytes) -> EncodedImage:
    """Read the first directory and put a smaller one in its place, with none after it."""
    directory = Directory(data)
    refuse_raw(directory)
    width, height = directory.integer(_WIDTH), directory.integer(_LENGTH)
    if not width or not height:
        raise CorruptImage("the TIFF image is corrupt: it does not say how large it is")
    samples = Samples(
        bits=directory.integer(_BITS, default=1),
        is_signed=directory.integer(_SAMPLE_FORMAT) == _SIGNED,
        is_white_zero=directory.integer(_PHOTOMETRIC) == 0,
    )
    compression = directory.integer(_COMPRESSION, default=_NO_COMPRESSION)
    if compression not in _COMPRESSIONS:
        name = _UNKNOWN_COMPRESSIONS.get(compression, f"number {compression}")
        raise UnsupportedImage(
            f"the TIFF image has the compression {name}, which is not accepted; save it with LZW, Deflate or JPEG"
        )
    segments = _segments(directory, width, height)
    cost = _cost(directory, segments, width * height)
    # libtiff would look for tiles first, and Pillow for strips.
    others = _TILES if segments.are_strips else _STRIPS
    entries = []
    for tag, field in sorted(directory.fields.items()):
        if tag in others:
            continue
        if tag in _SCALARS:
            field = field.first(1)
        elif tag in _SEGMENTS:
            field = field.first(segments.number)
        elif tag not in _LISTS or field.size_bytes > _MAX_LIST_BYTES:
            continue
        entries.append(directory.entry(tag, field))
    return EncodedImage(
        format="TIFF",
        size=(width, height),
        data=_with_directory(directory, entries),
        orientation=orientation_of(directory, directory.values(_XMP)),
        samples=samples,
        cost=cost,
    )


def check_layout(data: bytes) -> None:
    """Raise UnsupportedImage where Pillow knows the format and not this way of storing a pixel."""
    try:
        TiffImagePlugin.TiffImageFile(BytesIO(data)).close()
    except SyntaxError as error:
        if not _LAYOUT_UNKNOWN.match(str(error)):
            return
        directory = Directory(data)
        number, bits = directory.integer(_SAMPLES, default=1), directory.integer(_BITS, default=1)
        kind = _SAMPLE_KINDS.get(directory.integer(_SAMPLE_FORMAT, default=1), "other")
        raise UnsupportedImage(
            f"the TIFF image has {number} samples a pixel of {bits} bits, {kind}, which is not accepted; "
            "save it as RGB or grayscale of 8 bits"
        ) from error


class _Segments(NamedTuple):
    """The strips or tiles of a picture: how many, and the pixels that decoding one makes, however few are shown."""

    number: int
    num_pixels: int
    are_strips: bool


def _segments(directory: Directory, width: int, height: int) -> _Segments:
    """Count the strips or tiles of the picture."""
    are_strips = _STRIP_OFFSETS in directory.fields or _TILE_OFFSETS not in directory.fields
    if are_strips:
        rows = min(directory.integer(_ROWS_PER_STRIP) or height, height)
        count, num_pixels = math.ceil(height / rows), width * rows
    else:
        tile_width, tile_length = directory.integer(_TILE_WIDTH), directory.integer(_TILE_LENGTH)
        num_pixels = tile_width * tile_length
        if not num_pixels:
            raise CorruptImage(f"the TIFF image is corrupt: its tiles are {tile_width} x {tile_length} pixels")
        count = math.ceil(width / tile_width) * math.ceil(height / tile_length)
    if directory.integer(_PLANAR) == _SEPARATE_PLANES:
        count *= directory.integer(_SAMPLES, default=1)
    if count > _MAX_SEGMENTS:
        raise CorruptImage(f"the TIFF image is in {count} pieces; at most {_MAX_SEGMENTS} are accepted")
    return _Segments(count, num_pixels, are_strips)


def _cost(directory: Directory, segments: _Segments, num_pixels: int) -> Cost:
    num_samples = directory.integer(_SAMPLES, default=_DEFAULT_SAMPLES)
    samples_a_segment = 1 if directory.integer(_PLANAR) == _SEPARATE_PLANES else num_samples
    segment_bytes = segments.num_pixels * samples_a_segment * max(directory.integers(_BITS), default=1) // 8
    num_decoded = segments.number * segments.num_pixels
    cost_ns: float = _NS_A_PIXEL * max(num_pixels, num_decoded) + _NS_A_SEGMENT * segments.number
    cost_ns += _NS_A_LAB_PIXEL * num_pixels * (directory.integer(_PHOTOMETRIC) == _LAB)
    cost_ns += _NS_A_RAW_BYTE * segments.number * segment_bytes
    compression = directory.integer(_COMPRESSION, default=_NO_COMPRESSION)
    if compression != _NO_COMPRESSION:
        starts, sizes = _places(directory, segments)
        cost_ns += _NS_A_BYTE * sum(sizes)
        if compression in _JPEG_COMPRESSIONS:
            num_samples_read = segments.num_pixels * samples_a_segment * _num_more_scans(directory.data, starts, sizes)
            cost_ns += _NS_A_SAMPLE_AND_SCAN * num_samples_read
    pixel_bytes = _ALPHA_PIXEL_BYTES if num_samples == 2 else _PIXEL_BYTES
    return Cost(cost_ns / 1e9, pixel_bytes * num_pixels + 2 * segment_bytes)


def _places(directory: Directory, segments: _Segments) -> tuple[list[int], list[int]]:
    """List where each strip or tile that is read starts, and its bytes: all of the file where it does not say."""
    offsets, counts = (_STRIP_OFFSETS, _STRIP_BYTES) if segments.are_strips else (_TILE_OFFSETS, _TILE_BYTES)
    whole = len(directory.data)
    starts = directory.integers(offsets)[: segments.number]
    sizes = [min(size or whole, whole) for size in directory.integers(counts)[: segments.number]]
    return starts, sizes or [whole] * len(starts)


def _num_more_scans(data: bytes, starts: list[int], sizes: list[int]) -> int:
    """Count the scans of all segments beside the first of each."""
    scans = [match.start() for match in islice(_SCAN.finditer(data), _MAX_SCANS + 1)]
    if len(scans) > _MAX_SCANS:
        raise CorruptImage(f"the TIFF image is corrupt: more than {_MAX_SCANS} scans of JPEG")
    numbers = (
        bisect_left(scans, start + size) - bisect_left(scans, start) for start, size in zip(starts, sizes, strict=False)
    )
    return sum(min(max(number, 1), _MAX_SCANS_A_SEGMENT) - 1 for number in numbers)


def _with_directory(directory: Directory, entries: list[bytes]) -> bytes:
    """Append a directory of these entries and make it the only one; all offsets stay valid."""
    data, pointer = directory.data, directory.pointer
    padding = bytes(len(data) % 2)
    start = struct.pack(directory.order + pointer, len(data) + len(padding))
    count = struct.pack(directory.order + ("Q" if directory.is_big else "H"), len(entries))
    head = data[: directory.header_bytes - len(start)] + start
    none_after = bytes(len(start))
    return b"".join((head, memoryview(data)[len(head) :], padding, count, *entries, none_after))
