"""Reads JPEG (ITU-T T.81, annex B): keeps what decodes, drops application segments and comments."""

from __future__ import annotations

import re
import struct
from contextlib import suppress
from typing import NamedTuple

from PIL import Image

from models.errors import CorruptImage
from models.pixels.formats.encoded import EncodedImage
from models.pixels.formats.exif import read_orientation

REDUCTIONS = (8, 4, 2)  # by which libjpeg shrinks a picture in decoding it

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_SOS = 0xDA
_APP1 = 0xE1
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_FRAMES = frozenset((0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF))
_STANDALONE = frozenset((0x01, *range(0xD0, 0xDA)))  # markers without a length
# JFIF and Adobe: libjpeg tells the colour space by them.
_KEPT_APPLICATION = frozenset((0xE0, 0xEE))
_DROPPED = frozenset((*range(0xE0, 0xF0), 0xFE)) - _KEPT_APPLICATION

# By the number of components: Pillow's mode, and how samples fill it; four are inverted, as Adobe writes them.
_MODES = {1: ("L", "L"), 3: ("RGB", "RGB"), 4: ("CMYK", "CMYK;I")}
_BITS = 8

_EXIF = b"Exif\x00\x00"
_XMP = b"http://ns.adobe.com/xap/1.0/\x00"

# A photo has some thirty segments, one with a large colour profile or a depth map some three hundred.
_MAX_SEGMENTS = 4096
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
    if len(segments.frames) != 1:
        raise CorruptImage(f"the JPEG image is corrupt: it announces {len(segments.frames)} frames")
    if sum(map(len, segments.kept)) > _MAX_KEPT_BYTES:
        raise CorruptImage(f"the JPEG image is corrupt: more than {_MAX_KEPT_BYTES} bytes of tables")
    marker, frame = segments.frames[0]
    bits, height, width, num_components = struct.unpack_from(">BHHB", frame, 2)
    if bits != _BITS or num_components not in _MODES:
        raise CorruptImage(f"the JPEG image is corrupt: it announces {num_components} components of {bits} bits")
    exif, xmp = (next((body for body in segments.applications if body.startswith(name)), b"") for name in (_EXIF, _XMP))
    # A sequential picture whose first scan has all components is over after it.
    is_one_scan = marker not in _PROGRESSIVE and segments.scan[2] >= num_components
    return EncodedImage(
        format="JPEG",
        size=(width, height),
        data=b"".join((data[:2], *segments.kept, memoryview(data)[segments.scan_start :])),
        orientation=read_orientation(exif, xmp),
        # A scan of a few bytes still makes the decoder visit every coefficient.
        num_passes=1 if is_one_scan else data.count(b"\xff\xda", segments.scan_start),
        num_components=num_components,
    )


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
    width, height = encoded.size or (0, 0)
    mode, samples = _MODES[encoded.num_components]
    size = (-(-width // reduction), -(-height // reduction))
    options = ("jpeg", samples, "", reduction, 0)
    try:
        return Image.frombytes(mode, size, encoded.data, *options)
    except ValueError:
        if encoded.num_passes > 1:
            raise
        # Every pixel may be there all the same, and only the end marker not. Decodings that begin with different
        # pictures and go on with different bits agree where all came from the file; then what follows is of no
        # interest, be it nothing or a trailer of the camera's maker. Two of these tails are not enough: of 2,700 files
        # that lacked a byte or more, each pair agreed on 11 or more.
        pictures = []
        for fill, after in ((0, b"\x00"), (85, b"\x55"), (170, b"\xaa")):
            picture = Image.new(mode, size, (fill,) * len(mode))
            with suppress(ValueError):
                picture.frombytes(encoded.data + 64 * after, *options)
            pictures.append(picture)
        if any(picture != pictures[0] for picture in pictures):
            raise
        return pictures[0]


def _walk(data: bytes) -> _Segments:
    """Collect all segments up to the start of the first scan."""
    kept: list[bytes] = []
    frames: list[tuple[int, bytes]] = []
    applications: list[bytes] = []
    position = 2
    for _ in range(_MAX_SEGMENTS):
        # Bytes that belong to no segment are skipped, as libjpeg does.
        match = _MARKER.search(data, position)
        if match is None:
            raise CorruptImage("the JPEG image is truncated before its picture")
        start, position = match.span()
        marker = data[position - 1]
        length = 0
        if marker not in _STANDALONE:
            length = max(2, int.from_bytes(data[position : position + 2], "big"))  # libjpeg takes 0 and 1 for 2
        segment = data[position : position + length]
        if len(segment) < length:
            raise CorruptImage("the JPEG image is truncated")
        if marker == _SOS:
            return _Segments(kept, frames, applications, segment, start)
        position += length
        if marker not in _DROPPED:
            kept.append(data[start:position])
        if marker in _FRAMES:
            frames.append((marker, segment))
        elif marker == _APP1:
            applications.append(segment[2:])
    raise CorruptImage(f"the JPEG image is corrupt: more than {_MAX_SEGMENTS} segments before its picture")
