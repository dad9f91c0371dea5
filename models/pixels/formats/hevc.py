"""Reads how large the pictures of an HEVC stream are (ITU-T H.265, 7.3), which its decoder would allocate at once."""

from __future__ import annotations

from collections.abc import Iterator

from models.errors import CorruptImage
from models.pixels.formats.bits import Bits
from models.pixels.formats.heif_pictures import CodedPicture

_SPS = 33
_FIRST_NON_PICTURE = 32
_LENGTH_BYTES = 4  # of a unit in an item; the configuration could say fewer, and no writer does
_CONFIGURATION_BYTES = 23
_MAX_SPS_BYTES = 256  # as far as width and height, it has at most 110
_MAX_UNITS = 4096
_MAX_CONFIGURATION_BYTES = 4096  # three sets of parameters, and what the encoder says of itself
_PROFILE_BITS, _LEVEL_BITS = 88, 8


def read_picture(configuration: bytes, stream: memoryview) -> CodedPicture:
    """Read the one picture of an item.

    Args:
        configuration: the body of its hvcC box (ISO 14496-15, 8.3.2.1).
        stream: the item's data, units each after its length.

    Raises:
        CorruptImage: it has no picture, or more than one.
        IndexError, ValueError: it ends too early.
    """
    if len(configuration) > _MAX_CONFIGURATION_BYTES:
        raise CorruptImage(f"the HEIC image is corrupt: more than {_MAX_CONFIGURATION_BYTES} bytes of parameters")
    if configuration[21] & 3 != _LENGTH_BYTES - 1:
        raise CorruptImage("the HEIC image is corrupt: its units have lengths of an unknown size")
    sizes: list[tuple[int, int]] = []
    num_pictures = num_slices = num_units = 0
    for unit in (*_parameter_sets(configuration), *_units(stream)):
        num_units += 1
        kind, layer = unit[0] >> 1 & 0x3F, (unit[0] & 1) << 5 | unit[1] >> 3
        if layer:
            continue  # as the decoder does
        if kind == _SPS:
            sizes.append(_size_of(unit[2:_MAX_SPS_BYTES]))
        elif kind < _FIRST_NON_PICTURE:
            num_slices += 1
            num_pictures += unit[2] >> 7
    if num_pictures != 1 or not sizes:
        raise CorruptImage(f"the HEIC image is corrupt: an item has {num_pictures} pictures and {len(sizes)} sizes")
    return CodedPicture(*max(sizes, key=lambda size: size[0] * size[1]), num_slices, num_units)


def _parameter_sets(configuration: bytes) -> Iterator[bytes]:
    position = _CONFIGURATION_BYTES
    for _ in range(configuration[position - 1]):
        num_units = int.from_bytes(configuration[position + 1 : position + 3], "big")
        position += 3
        for _ in range(num_units):
            length = int.from_bytes(configuration[position : position + 2], "big")
            position += 2 + length
            yield _whole(configuration[position - length : position])


def _units(stream: memoryview) -> Iterator[bytes]:
    position = 0
    for _ in range(_MAX_UNITS):
        if position >= len(stream):
            return
        length = int.from_bytes(stream[position : position + _LENGTH_BYTES], "big")
        position += _LENGTH_BYTES
        start, position = position, position + length
        if position > len(stream):
            raise CorruptImage("the HEIC image is truncated")
        yield _whole(bytes(stream[start : min(position, start + _MAX_SPS_BYTES)]))
    raise CorruptImage(f"the HEIC image is corrupt: an item has more than {_MAX_UNITS} units")


def _whole(unit: bytes) -> bytes:
    if len(unit) < 3:
        raise CorruptImage("the HEIC image is corrupt: a unit has no content")
    return unit


def _size_of(sps: bytes) -> tuple[int, int]:
    """Read a sequence parameter set as far as width and height (7.3.2.2)."""
    bits = Bits(sps.replace(b"\0\0\3", b"\0\0"))  # which keeps its bytes from looking like the start of a unit
    bits.skip(4)
    num_sub_layers = bits.take(3)
    bits.skip(1 + _PROFILE_BITS + _LEVEL_BITS)
    if num_sub_layers:
        presences = [(bits.take(1), bits.take(1)) for _ in range(8)][:num_sub_layers]
        bits.skip(sum(profile * _PROFILE_BITS + level * _LEVEL_BITS for profile, level in presences))
    bits.number()
    if bits.number() == 3:  # samples of three colours as they are
        bits.skip(1)
    return bits.number(), bits.number()
