"""Reads JPEG (ITU-T T.81, annex B): keeps what decodes, drops application segments and comments."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from models.errors import CorruptImage
from models.image_formats.encoded import EncodedImage
from models.image_formats.exif import read_orientation

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_SOS = 0xDA
_APP1 = 0xE1
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_STANDALONE = {0x01, *range(0xD0, 0xDA)}  # markers without a length
# JFIF and Adobe: libjpeg tells the colour space by them.
_KEPT_APPLICATION = {0xE0, 0xEE}
_DROPPED = ({*range(0xE0, 0xF0)} | {0xFE}) - _KEPT_APPLICATION

_EXIF = b"Exif\x00\x00"
_XMP = b"http://ns.adobe.com/xap/1.0/\x00"

# A photo has some thirty segments, one with a large colour profile or a depth map some three hundred.
_MAX_SEGMENTS = 4096
# All tables together are some kilobytes, a thumbnail in APP0 up to 64; Pillow reads tables in Python, slowly.
_MAX_KEPT_BYTES = 256 * 1024


class _Segment(NamedTuple):
    """A marker, where it stands, and what follows it, length included."""

    marker: int
    start: int
    body: bytes


def read(data: bytes) -> EncodedImage:
    """Walk the segments up to the first scan."""
    *segments, scan = _segments(data)
    frames = [segment for segment in segments if segment.marker in _FRAMES]
    if len(frames) != 1:
        raise CorruptImage(f"the JPEG image is corrupt: it announces {len(frames)} frames")
    kept = [bytes((0xFF, segment.marker)) + segment.body for segment in segments if segment.marker not in _DROPPED]
    if sum(map(len, kept)) > _MAX_KEPT_BYTES:
        raise CorruptImage(f"the JPEG image is corrupt: more than {_MAX_KEPT_BYTES} bytes of tables")
    _, height, width, num_components = struct.unpack_from(">BHHB", frames[0].body, 2)
    # A sequential picture whose first scan has all components is over after it.
    is_one_scan = frames[0].marker not in _PROGRESSIVE and scan.body[2] >= num_components
    return EncodedImage(
        format="JPEG",
        size=(width, height),
        data=b"".join((data[:2], *kept, memoryview(data)[scan.start :])),
        orientation=read_orientation(_application(segments, _EXIF), _application(segments, _XMP)),
        # A scan of a few bytes still makes the decoder visit every coefficient.
        num_passes=1 if is_one_scan else data.count(b"\xff\xda", scan.start),
    )


def _segments(data: bytes) -> Iterator[_Segment]:
    """All segments up to the start of the first scan."""
    position = 2
    for _ in range(_MAX_SEGMENTS):
        # Bytes that belong to no segment are skipped, as libjpeg does.
        found = _MARKER.search(data, position)
        if found is None:
            raise CorruptImage("the JPEG image is truncated before its picture")
        marker, position = data[found.end() - 1], found.end()
        length = 0
        if marker not in _STANDALONE:
            length = max(2, int.from_bytes(data[position : position + 2], "big"))  # libjpeg takes 0 and 1 for 2
        segment = _Segment(marker, found.start(), data[position : position + length])
        if len(segment.body) < length:
            raise CorruptImage("the JPEG image is truncated")
        yield segment
        if marker == _SOS:
            return
        position += length
    raise CorruptImage(f"the JPEG image is corrupt: more than {_MAX_SEGMENTS} segments before its picture")


def _application(segments: list[_Segment], name: bytes) -> bytes:
    """What the first APP1 segment of that name holds."""
    bodies = (segment.body[2:] for segment in segments if segment.marker == _APP1)
    return next((body for body in bodies if body.startswith(name)), b"")
