"""Reads the one thing of a photo's metadata that decides its pixels: how it has to be turned."""

from __future__ import annotations

import re
import struct

from models.pixels.formats.directory import Directory

_UPRIGHT = 1
_ORIENTATIONS = range(1, 9)
_ORIENTATION_TAG = 274
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")
_PREFIX = b"Exif\x00\x00"


def read_orientation(exif: bytes, xmp: bytes = b"") -> int:
    """Find the orientation in an EXIF block, else in an XMP packet, as Pillow does.

    Args:
        exif: a TIFF header and its directory, with or without the prefix that JPEG puts before it.
        xmp: XML that is searched, not parsed.

    Returns:
        1 to 8 (CIPA DC-008, 4.6.5); 1 where there is none, or where it cannot be read: a photo is worth more than its
        metadata.
    """
    for _ in range(2):  # some writers put it twice, and there is no third time to pay for
        exif = exif.removeprefix(_PREFIX)
    try:
        return orientation_of(Directory(exif), xmp)
    except (ValueError, struct.error):
        return orientation_of(None, xmp)


def orientation_of(directory: Directory | None, xmp: bytes) -> int:
    """Find the orientation in a directory, else in an XMP packet; see `read_orientation`."""
    orientation = directory.integer(_ORIENTATION_TAG) if directory else 0
    if not orientation and (match := _XMP_ORIENTATION.search(xmp)):
        orientation = int(match[1])
    return orientation if orientation in _ORIENTATIONS else _UPRIGHT
