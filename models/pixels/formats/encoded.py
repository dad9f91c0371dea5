"""An image that is read but not decoded: its size, orientation, and the bytes for Pillow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Cost(NamedTuple):
    """What decoding takes at most, as far as a header tells: an estimate, for one core of an AMD EPYC (Zen 4).

    Attributes:
        cpu_s: seconds of one core.
        memory_bytes: beside the encoded bytes.
    """

    cpu_s: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Samples:
    """The encoding of brightness, as far as Pillow's mode does not tell it.

    Attributes:
        bits: of one sample, as stored: a mode for 16 bits may hold 12.
        is_signed: samples are signed integers.
        is_white_zero: 0 is white (TIFF's WhiteIsZero). Pillow inverts these itself up to 8 bits, not above.
    """

    bits: int = 8
    is_signed: bool = False
    is_white_zero: bool = False


class EncodedImage(NamedTuple):
    """One encoded image, ready for Pillow.

    Attributes:
        format: Pillow's name of the format.
        size: width and height as stored, before the orientation is applied.
        data: the file without its metadata and further frames.
        orientation: EXIF orientation, 1 to 8; None where Pillow hands out what tells it (see `exif.read_orientation`).
        samples: encoding of brightness.
        cost: of decoding the picture whole. Of a JPEG without what depends on the size that it is decoded at.
        num_components: of a JPEG.
        is_open: of a JPEG: it has no end marker, so that its last scan may break off.
        is_one_scan: of a JPEG: it is decoded row by row, and never there as a whole.
        is_lossless: of a JPEG: it has no blocks, so that it is decoded at full size alone.
        is_plain: coded in one of the few ways that nearly all uploads are, whose decoders are fast and sound.
    """

    format: str
    size: tuple[int, int]
    data: bytes
    orientation: int | None = None
    samples: Samples = Samples()
    cost: Cost = Cost(0.0, 0)
    num_components: int = 0
    is_open: bool = False
    is_one_scan: bool = False
    is_lossless: bool = False
    is_plain: bool = False
