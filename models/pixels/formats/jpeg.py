"""Reads JPEG (ITU-T T.81, annex B): keeps what decodes, drops application segments and comments."""

from __future__ import annotations

import math
import re
import struct
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

from PIL import Image

from models.errors import CorruptImage, UnsupportedImage
from models.pixels.formats.encoded import Cost, EncodedImage
from models.pixels.formats.exif import read_orientation
from models.pixels.formats.jpeg_scans import Scans, walk_scans
from models.plural import how_many

REDUCTIONS = (8, 4, 2)  # by which libjpeg shrinks a picture in decoding it

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_MARKER_BYTES, _NO_MARKER = 2, b"\x00\xff"  # what stands behind 0xFF in no marker
_SOS = 0xDA
_END = b"\xff\xd9"
_APP1 = 0xE1
_LOSSLESS = 0xC3
_PLAIN = frozenset((0xC0, 0xC1, 0xC2))
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_ARITHMETIC = 0xC9  # from here on coefficients are not in Huffman code
_FRAMES = frozenset((0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7))
# Frames that no decoder of ours knows, and what they are called (T.81, table B.1; T.87, annex C).
_UNKNOWN_FRAMES = {
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical"),
    0xCB: "lossless in arithmetic code",
    0xF7: "JPEG-LS",
}
_STANDALONE = frozenset((0x01, *range(0xD0, 0xDA)))  # markers without a length
# JFIF and Adobe: libjpeg tells the colour space by them.
_KEPT_APPLICATION = frozenset((0xE0, 0xEE))
_DROPPED = frozenset((*range(0xE0, 0xF0), 0xFE)) - _KEPT_APPLICATION

# By the number of components: Pillow's mode, and how samples fill it; four are inverted, as Adobe writes them.
_FRAME, _MAX_FRAME_BYTES = struct.Struct(">HHB"), 20  # height, width, number of components; of four components (B.2.2)
_MODES = {1: ("L", "L"), 3: ("RGB", "RGB"), 4: ("CMYK", "CMYK;I")}
_BITS, _DEEPEST_BITS = 8, 16
_BLOCK_PX = 8

# Measured with 8 megapixels, flat and noisy: a sample of one scan, of each of several; a byte of one, of several.
_NS_A_SAMPLE, _NS_A_SAMPLE_AND_SCAN = 0.8, 0.6
_NS_A_BYTE, _NS_A_BYTE_OF_SEVERAL = 16, 45
_ARITHMETIC_FACTOR = 4
_COEFFICIENT_BYTES = 2
NS_AN_OUTPUT_PIXEL, OUTPUT_PIXEL_BYTES = 8, 4
_TRIES_WITHOUT_END = 4

_WHAT_TO_DO = "save it as an ordinary JPEG of 8 bits, gray or in colour"

_EXIF = b"Exif\x00\x00"
_XMP = b"http://ns.adobe.com/xap/1.0/\x00"

# A photo has some thirty segments, one with a large colour profile or a depth map some three hundred.
_MAX_SEGMENTS = 4096
# Fill bytes before markers, and what belongs to no segment; a file may have some by mistake.
_MAX_STRAY_BYTES = 1024**2
# All tables together are some kilobytes, a thumbnail in APP0 up to 64.
_MAX_KEPT_BYTES = 256 * 1024


class _Segments(NamedTuple):
    """The segments before the picture; each begins with its length, after its marker."""

    kept: list[bytes]  # with their markers
    frames: list[tuple[int, bytes]]  # marker and segment
    applications: list[bytes]  # of APP1
    scan: bytes
    scan_start: int  # where its marker stands


def read(data: bytes) -> EncodedImage:
    """Walk the segments up to the first scan."""
    segments = _walk(data)
    for marker, _ in segments.frames:
        if marker in _UNKNOWN_FRAMES:
            raise UnsupportedImage(f"the JPEG image is {_UNKNOWN_FRAMES[marker]}, which is not accepted; {_WHAT_TO_DO}")
    if len(segments.frames) != 1:
        raise CorruptImage(f"the JPEG image is corrupt: it announces {len(segments.frames)} frames")
    num_kept_bytes = sum(map(len, segments.kept))
    if num_kept_bytes > _MAX_KEPT_BYTES:
        raise CorruptImage(f"the JPEG image is corrupt: more than {_MAX_KEPT_BYTES} bytes of tables")
    marker, frame = segments.frames[0]
    bits, (height, width, num_components) = frame[2], _FRAME.unpack_from(frame, 3)
    if bits != _BITS or num_components not in _MODES:
        what = f"{how_many(num_components, 'component')} of {bits} bits"
        if _BITS <= bits <= _DEEPEST_BITS and num_components in range(1, 5):
            raise UnsupportedImage(f"the JPEG image has {what}, which is not accepted; {_WHAT_TO_DO}")
        raise CorruptImage(f"the JPEG image is corrupt: it announces {what}")
    orientation = _orientation(segments.applications) if segments.applications else 1
    # A sequential picture whose first scan has all components is over after it.
    is_one_scan = marker not in _PROGRESSIVE and segments.scan[2] >= num_components
    if is_one_scan and data.endswith(_END):  # as nearly every photo; the decoder stops at the first end marker
        scans = Scans(1, len(data), is_ended=True, is_complete=True)
    else:
        components = frame[8 : 8 + 3 * num_components : 3]
        scans = walk_scans(data, segments.scan_start, components=components, only_first=is_one_scan)
    if not scans.is_ended and marker in _PROGRESSIVE and not scans.is_complete:
        raise CorruptImage("the JPEG image is truncated: it lacks some of its scans")
    num_bytes = scans.end - segments.scan_start
    num_samples = _num_samples(frame[:_MAX_FRAME_BYTES])
    if is_one_scan:
        cost_ns, memory_bytes = _NS_A_SAMPLE * num_samples + _NS_A_BYTE * num_bytes, 0.0
    else:
        # A scan of a few bytes still makes the decoder visit every coefficient, all of which it keeps.
        cost_ns = _NS_A_SAMPLE_AND_SCAN * scans.number * num_samples + _NS_A_BYTE_OF_SEVERAL * num_bytes
        memory_bytes = _COEFFICIENT_BYTES * num_samples
    if not scans.is_ended:  # `decode` has to try, and several scans at full size
        whole = 0 if is_one_scan else width * height
        cost_ns = _TRIES_WITHOUT_END * (cost_ns + whole * NS_AN_OUTPUT_PIXEL)
        memory_bytes += _TRIES_WITHOUT_END * whole * OUTPUT_PIXEL_BYTES
    if marker >= _ARITHMETIC:
        cost_ns *= _ARITHMETIC_FACTOR
    if 2 + num_kept_bytes < segments.scan_start or scans.end < len(data):  # else there is nothing to drop
        data = b"".join((data[:2], *segments.kept, memoryview(data)[segments.scan_start : scans.end]))
    return EncodedImage(
        format="JPEG",
        size=(width, height),
        data=data,
        orientation=orientation,
        cost=Cost(cost_ns / 1e9, int(memory_bytes)),
        num_components=num_components,
        is_open=not scans.is_ended,
        is_one_scan=is_one_scan,
        is_lossless=marker == _LOSSLESS,
        is_plain=marker in _PLAIN,
    )


def _orientation(applications: list[bytes]) -> int:
    exif, xmp = (next((body for body in applications if body.startswith(name)), b"") for name in (_EXIF, _XMP))
    return read_orientation(exif, xmp)


@lru_cache(maxsize=64)  # photos of one camera have one
def _num_samples(frame: bytes) -> int:
    """Count the samples of a picture, whose colours may be stored at less than full size, in whole blocks (A.2.4)."""
    height, width, num_components = map(int, _FRAME.unpack_from(frame, 3))
    factors = [divmod(frame[position], 16) for position in range(9, 9 + 3 * num_components, 3)]
    across, down = max(across for across, _ in factors), max(down for _, down in factors)
    if not across or not down:
        return width * height * num_components
    unit = (_BLOCK_PX * across, _BLOCK_PX * down)
    num_units = math.ceil(width / unit[0]) * math.ceil(height / unit[1])
    samples_a_unit = _BLOCK_PX**2 * sum(across * down for across, down in factors)
    return min(num_units * samples_a_unit, num_units * unit[0] * unit[1] * num_components)


def decode(encoded: EncodedImage, reduction: int) -> Image.Image:
    """Decode a picture at 1/reduction of its size, rounded up: what `Image.open`, `draft` and `load` give.

    Pillow's decoder is called directly. Opening the file would have Python read again what `read` has read, at a tenth
    of the cost of a small photo.

    Args:
        encoded: from `read`; its size is in order.
        reduction: 1, or one of `REDUCTIONS`.

    Raises:
        ValueError: the picture is broken or ends too early.
    """
    width, height = encoded.size
    mode, samples = _MODES[encoded.num_components]
    size = (-(-width // reduction), -(-height // reduction))
    options = ("jpeg", samples, "", reduction, 0)
    try:
        return Image.frombytes(mode, size, encoded.data, *options)
    except ValueError:
        if not encoded.is_open and not encoded.is_one_scan:
            raise
    if encoded.is_one_scan:
        return _decode_without_end(encoded.data, mode, size, options)
    # The last scans have what does not show at an eighth of the size.
    _decode_without_end(encoded.data, mode, (width, height), ("jpeg", samples, "", 1, 0), end=_END)
    return Image.frombytes(mode, size, encoded.data + _END, *options)


def _decode_without_end(
    data: bytes, mode: str, size: tuple[int, int], options: tuple[Any, ...], *, end: bytes = b""
) -> Image.Image:
    """Decode a picture all of whose pixels may be there although its end marker is not.

    Decodings that begin with different pictures and go on with different bits agree where all came from the file; then
    what follows is of no interest, be it nothing or a trailer of the camera's maker. Two of these tails are not enough:
    of 2,700 files that lacked a byte or more, each pair agreed on 11 or more.
    """
    first: Image.Image | None = None
    for fill, after in ((0, b"\x00"), (85, b"\x55"), (170, b"\xaa")):
        picture = Image.new(mode, size, (fill,) * len(mode))
        with suppress(ValueError):
            picture.frombytes(data + 64 * after + end, *options)
        first = first or picture
        if picture != first:
            raise CorruptImage("the JPEG image is truncated and cannot be decoded")
    assert first is not None  # noqa: S101 - there are three
    return first


def _walk(data: bytes) -> _Segments:
    """Collect all segments up to the start of the first scan."""
    kept: list[bytes] = []
    frames: list[tuple[int, bytes]] = []
    applications: list[bytes] = []
    start, num_stray, num_bytes = 2, 0, len(data)
    for _ in range(_MAX_SEGMENTS):
        # Bytes that belong to no segment are skipped, as libjpeg does.
        if num_bytes < start + _MARKER_BYTES or data[start] != 0xFF or data[start + 1] in _NO_MARKER:
            position, start = start, _find_marker(data, start, start + _MAX_STRAY_BYTES - num_stray + 2)
            num_stray += start - position
        marker, length = data[start + 1], 0
        if marker not in _STANDALONE:
            length = max(2, int.from_bytes(data[start + 2 : start + 4], "big"))  # libjpeg takes 0 and 1 for 2
        end = start + 2 + length
        if num_bytes < end:
            raise CorruptImage("the JPEG image is truncated")
        if marker == _SOS:
            return _Segments(kept, frames, applications, data[start + 2 : end], start)
        if marker not in _DROPPED:
            kept.append(data[start:end])
        if marker in _FRAMES:
            frames.append((marker, data[start + 2 : end]))
        elif marker == _APP1:
            applications.append(data[start + 4 : end])
        start = end
    raise CorruptImage(f"the JPEG image is corrupt: more than {_MAX_SEGMENTS} segments before its picture")


def _find_marker(data: bytes, start: int, end: int) -> int:
    """Find where the next marker stands."""
    match = _MARKER.search(data, start, end)
    if match is None and end < len(data):
        raise CorruptImage(f"the JPEG image is corrupt: more than {_MAX_STRAY_BYTES} bytes between its segments")
    if match is None:
        raise CorruptImage("the JPEG image is truncated before its picture")
    return match.start()
