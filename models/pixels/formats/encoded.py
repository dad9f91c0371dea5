"""An image that is read but not decoded: its size, orientation, and the bytes for Pillow."""

from __future__ import annotations

from dataclasses import dataclass


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


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """One encoded image, ready for Pillow.

    Attributes:
        format: Pillow's name of the format.
        size: width and height as stored, before the orientation is applied; None where only the decoder can tell.
        data: the file without its metadata and further frames.
        orientation: EXIF orientation, 1 to 8; None where Pillow hands out what tells it (see `exif.read_orientation`).
        samples: encoding of brightness.
        num_passes: cost of decoding, in passes over all pixels.
        num_components: of a JPEG.
    """

    format: str
    size: tuple[int, int] | None
    data: bytes
    orientation: int | None = None
    samples: Samples = Samples()
    num_passes: int = 1
    num_components: int = 0
