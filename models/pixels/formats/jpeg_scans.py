"""Walks the scans of a JPEG (ITU-T T.81, annexes B and G) up to the end of its picture, and not into what is appended.

Phones append videos, gain maps and second pictures to a photo; they have scans of their own, which nobody decodes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from models.errors import CorruptImage

_SOS, _EOI = 0xDA, 0xD9
# In coded data 0xFF is followed by 0 or is a restart marker; any other marker ends a scan.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_MAX_SCANS = 100  # as cjpeg has it (rdswitch.c)
_MAX_SEGMENTS = 4096
_NUM_COEFFICIENTS = 64
_MAX_SCAN_HEADER_BYTES = 14  # of four components (B.2.3)


# While a pattern is searched for, no other thread runs: a megabyte of what only begins like a marker takes 15 ms.
_SEARCHED_BYTES = 2**20


class Scans(NamedTuple):
    """The scans of one picture.

    Attributes:
        number: how many there are.
        end: where the picture is over, in bytes from the start of the file.
        is_ended: whether an end marker stands there; else it is the end of the file.
        is_complete: whether the scans have every bit of every coefficient (only told of a progressive picture).
    """

    number: int
    end: int
    is_ended: bool
    is_complete: bool


def find_marker(marker: re.Pattern[bytes], data: bytes, start: int, end: int) -> re.Match[bytes] | None:
    """Find the first marker, of two bytes, between two positions; other threads run meanwhile."""
    for position in range(start, end, _SEARCHED_BYTES):
        if match := marker.search(data, position, min(end, position + _SEARCHED_BYTES + 1)):
            return match
    return None


def walk_scans(data: bytes, start: int, *, components: bytes, only_first: bool) -> Scans:
    """Walk from the first scan's marker on.

    Args:
        data: the whole file.
        start: where the marker of the first scan stands.
        components: the numbers by which the frame calls them.
        only_first: the picture is over after its first scan.

    Raises:
        CorruptImage: more scans than any photo has, or one of more components than there can be.
    """
    missing = {(component, index) for component in components for index in range(_NUM_COEFFICIENTS)}
    count, position = 0, start
    for _ in range(_MAX_SEGMENTS):
        match = find_marker(_MARKER, data, position, len(data))
        if match is None or (only_first and count and data[match.end() - 1] != _EOI):
            return Scans(count, len(data), is_ended=False, is_complete=not missing)
        marker, position = data[match.end() - 1], match.end()
        if marker == _EOI:
            return Scans(count, position, is_ended=True, is_complete=not missing)
        segment = data[position : position + max(2, int.from_bytes(data[position : position + 2], "big"))]
        position += len(segment)
        if marker == _SOS:
            count += 1
            if count > _MAX_SCANS:
                raise CorruptImage(f"the JPEG image is corrupt: more than {_MAX_SCANS} scans")
            if len(segment) > _MAX_SCAN_HEADER_BYTES:
                raise CorruptImage("the JPEG image is corrupt: a scan has more than four components")
            first, last, bits = segment[-3:] if len(segment) > 3 else (0, 0, 1)
            if bits & 15 == 0:  # the last bit of each
                indices = range(first, min(last + 1, _NUM_COEFFICIENTS))
                missing -= {(component, index) for component in segment[3:-3:2] for index in indices}
    raise CorruptImage(f"the JPEG image is corrupt: more than {_MAX_SEGMENTS} segments between its scans")
