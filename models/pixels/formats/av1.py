"""Reads how large the pictures of an AV1 stream are (AV1 Bitstream & Decoding Process Specification, 5.3 to 5.5)."""

from __future__ import annotations

from collections.abc import Iterator

from models.errors import CorruptImage
from models.pixels.formats.bits import Bits
from models.pixels.formats.heif_pictures import CodedPicture

_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6
_CONFIGURATION_BYTES = 4
_MAX_UNITS = 4096
_MAX_HEADER_BYTES = 512  # of a sequence header as far as the size; 32 operating points have 300 at most
_LENGTH_GROUPS = 8  # of seven bits


def read_picture(configuration: bytes, stream: memoryview) -> CodedPicture:
    """Read the frames of an item, of which the first that is shown counts and all before it are decoded.

    Args:
        configuration: the body of its av1C box (AV1 in ISO base media files, 2.3).
        stream: the item's data.

    Raises:
        CorruptImage: it has no frame, or no size.
        ValueError, IndexError: it ends too early.
    """
    sizes: list[tuple[int, int]] = []
    num_frames = num_units = 0
    for kind, body in (*_units(memoryview(configuration)[_CONFIGURATION_BYTES:]), *_units(stream)):
        num_units += 1
        if kind == _SEQUENCE_HEADER:
            sizes.append(_size_of(body))
        num_frames += kind in (_FRAME_HEADER, _FRAME)
    if not sizes or not num_frames:
        raise CorruptImage(f"the AVIF image is corrupt: an item has {num_frames} frames and {len(sizes)} sizes")
    return CodedPicture(*max(sizes, key=lambda size: size[0] * size[1]), num_frames, num_units)


def _units(stream: memoryview) -> Iterator[tuple[int, bytes]]:
    """Yield kind and first bytes of each unit."""
    position = 0
    for _ in range(_MAX_UNITS):
        if position >= len(stream):
            return
        header = stream[position]
        position += 2 if header & 4 else 1
        length = len(stream) - position
        if header & 2:
            length, position = _length(stream, position)
        if position + length > len(stream):
            raise CorruptImage("the AVIF image is truncated")
        yield header >> 3 & 15, bytes(stream[position : position + min(length, _MAX_HEADER_BYTES)])
        position += length
    raise CorruptImage(f"the AVIF image is corrupt: an item has more than {_MAX_UNITS} units")


def _length(stream: memoryview, position: int) -> tuple[int, int]:
    """Read a number in groups of seven bits, the lowest first (4.10.5), and where it ends."""
    length = 0
    for group in range(_LENGTH_GROUPS):
        byte = stream[position + group]
        length |= (byte & 127) << 7 * group
        if byte < 128:
            return length, position + group + 1
    raise CorruptImage("the AVIF image is corrupt: a unit has a length without end")


def _size_of(header: bytes) -> tuple[int, int]:
    """Read a sequence header as far as the largest width and height (5.5.1)."""
    bits = Bits(header)
    bits.skip(4)  # profile, still picture
    if bits.take(1):  # the short header of a still picture
        bits.skip(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_operating_points(bits: Bits) -> None:
    delay_bits = 0
    if bits.take(1):  # timing
        bits.skip(64)
        if bits.take(1):
            bits.number()
        if bits.take(1):  # the model of a decoder
            delay_bits = bits.take(5) + 1
            bits.skip(42)
    has_display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.skip(12)
        if bits.take(5) > 7:  # a level that has tiers
            bits.skip(1)
        if delay_bits and bits.take(1):
            bits.skip(2 * delay_bits + 1)
        if has_display_delay and bits.take(1):
            bits.skip(4)
