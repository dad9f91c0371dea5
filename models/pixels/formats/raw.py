"""Tells raw photos of cameras: many are TIFF files whose first picture is a thumbnail, which is not the photo."""

from __future__ import annotations

import struct

from models.errors import UnsupportedImage
from models.pixels.formats.exif import Directory

WHAT_TO_DO = "export it as a JPEG of full size, by the camera's program or another one that develops raw photos"
RAW_BRANDS = {b"crx "}  # of an ISO base media file: Canon's CR3

# Formats of their own, and how they begin.
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"IIRO", "a raw photo (ORF)"),
    (b"IIRS", "a raw photo (ORF)"),
    (b"MMOR", "a raw photo (ORF)"),
    (b"IIU\x00", "a raw photo (RW2)"),
    (b"FUJIFILMCCD-RAW", "a raw photo (RAF)"),
    (b"FOVb", "a raw photo (X3F)"),
    (b"\x00MRM", "a raw photo (MRW)"),
    (b"II\x1a\x00\x00\x00HEAPCCDR", "a raw photo (CRW)"),
)
_CR2 = b"CR"  # after the header of a TIFF file
_DNG_VERSION, _SUB_DIRECTORIES, _PHOTOMETRIC = 50706, 330, 262
# Photometric interpretations (TIFF/EP, DNG 1.7): samples of a colour filter array, and those interpolated of it.
_OF_SENSORS = {32803, 34892}
_MAX_SUB_DIRECTORIES, _MAX_TAGS = 8, 256


def refuse_raw(directory: Directory) -> None:
    """Raise UnsupportedImage where the first directory of a TIFF file is that of a raw photo."""
    if _DNG_VERSION in directory.fields:
        what = "a raw photo (DNG)"
    elif directory.data[8:10] == _CR2:
        what = "a raw photo (CR2)"
    elif directory.integer(_PHOTOMETRIC) in _OF_SENSORS or _has_samples_of_a_sensor(directory):
        what = "a raw photo of a camera"
    else:
        return
    raise UnsupportedImage(f"the upload is {what}, which is not accepted: {WHAT_TO_DO}")


def _has_samples_of_a_sensor(directory: Directory) -> bool:
    """Look into the directories below the first one, as of NEF and ARW."""
    offsets = b"" if directory.is_big else directory.values(_SUB_DIRECTORIES)
    count = min(len(offsets) // 4, _MAX_SUB_DIRECTORIES)
    starts = struct.unpack_from(f"{directory.order}{count}I", offsets)
    return any(_photometric(directory, start) in _OF_SENSORS for start in starts)


def _photometric(directory: Directory, start: int) -> int:
    """Read the tag of a directory that begins at an offset; 0 where there is none."""
    data, order = directory.data, directory.order
    if start + 2 > len(data):
        return 0
    count = min(struct.unpack_from(f"{order}H", data, start)[0], _MAX_TAGS, (len(data) - start - 2) // 12)
    for position in range(start + 2, start + 2 + 12 * count, 12):
        tag, _, _, value = struct.unpack_from(f"{order}HHIH", data, position)
        if tag == _PHOTOMETRIC:
            return int(value)
    return 0
