"""Finds the items that make the picture of a HEIF file (ISO 23008-12), HEIC or AVIF, and what decoding them costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from models.errors import CorruptImage, UnsupportedImage
from models.pixels.formats.boxes import Box, Numbers, boxes
from models.pixels.formats.encoded import Cost
from models.pixels.formats.heif_items import Items

_GRID = b"grid"
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0", b"urn:mpeg:hevc:2015:auxid:1\0")
_MAX_UNITS = 16_384
_MAX_PADDING_PX = 63  # with which an encoder fills up its last blocks
# Measured with 8 megapixels, flat and noisy: a pixel, and an encoded byte.
_NS_A_PIXEL, _NS_A_BYTE = 22, 170
_PIXEL_BYTES, _ALPHA_BYTES = 9, 5


class CodedPicture(NamedTuple):
    """What decoding one item costs."""

    width: int
    height: int
    num_passes: int  # slices or frames, each of which may cover all of it
    num_units: int


class Codec(NamedTuple):
    """A way of coding pictures: its name for users, the kinds of its items and of their configuration, its reader."""

    name: str
    kind: bytes
    configuration: bytes
    read_picture: Callable[[bytes, memoryview], CodedPicture]


class Pictures(NamedTuple):
    """The items that make a picture, itself first, and what it comes to."""

    items: list[int]
    size: tuple[int, int]
    cost: Cost


def meta_box(data: bytes, name: str) -> Box:
    """Find the box that tells of a still picture.

    Raises:
        UnsupportedImage, CorruptImage: there is none.
    """
    meta = next((box for box in boxes(data) if box.kind == b"meta"), None)
    if meta is None:
        if any(box.kind == b"moov" for box in boxes(data)):
            raise UnsupportedImage(f"the upload is a {name} sequence without a still picture, which is not accepted")
        raise CorruptImage(f"the {name} image is truncated before its picture")
    return meta


def find_pictures(items: Items, codec: Codec, num_bytes: int) -> Pictures:
    """Look into every item that belongs to the primary picture or its transparency.

    Args:
        items: of the file.
        codec: which of them may be coded in.
        num_bytes: of the file.
    """
    picture = _picture(items, items.primary, codec)
    masters = set(picture.items)
    decoded = list(picture.items)
    for (kind, item), targets in items.references.items():
        if kind == b"auxl" and masters.intersection(targets) and items.property(item, b"auxC")[4:] in _ALPHA:
            decoded += _picture(items, item, codec).items
    kept = list(dict.fromkeys(decoded))
    if sum(map(items.size_bytes, kept)) > num_bytes:
        raise CorruptImage(f"the {codec.name} image is corrupt: its items overlap")
    coded: dict[int, CodedPicture] = {}
    num_units = 0
    for item in kept:
        if items.kinds[item] == codec.kind:
            coded[item] = codec.read_picture(items.property(item, codec.configuration), items.data(item))
            num_units += coded[item].num_units
            if num_units > _MAX_UNITS:
                raise CorruptImage(f"the {codec.name} image is corrupt: it has more than {_MAX_UNITS} units")
    width, height = picture.size
    padded = (width + _MAX_PADDING_PX, height + _MAX_PADDING_PX)
    larger = [each[:2] for each in coded.values() if each.width > padded[0] or each.height > padded[1]]
    size = max([picture.size, *larger], key=lambda size: size[0] * size[1])
    each_time = [coded[item] for item in decoded if item in coded]
    num_pixels = sum(each.width * each.height * each.num_passes for each in each_time)
    cost_ns = _NS_A_PIXEL * num_pixels + _NS_A_BYTE * sum(map(items.size_bytes, decoded))
    pixel_bytes = _PIXEL_BYTES + _ALPHA_BYTES * (len(decoded) > len(picture.items))
    return Pictures(kept, size, Cost(cost_ns / 1e9, pixel_bytes * size[0] * size[1]))


class _Picture(NamedTuple):
    """A picture, not yet turned, and the items that make it: itself first, and each tile as often as it is used."""

    items: list[int]
    size: tuple[int, int]


def _picture(items: Items, item: int, codec: Codec) -> _Picture:
    kind = items.kinds.get(item)
    extents = items.property(item, b"ispe")
    if kind not in (codec.kind, _GRID):
        name = kind.decode("latin-1") if kind else "nothing"
        accepted = codec.kind.decode()
        raise UnsupportedImage(
            f"the {codec.name} image is stored as {name!a}; accepted are {accepted!a} and 'grid' of it"
        )
    if len(extents) < 12:
        raise CorruptImage(f"the {codec.name} image is corrupt: it does not say how large it is")
    if kind == codec.kind:
        return _Picture([item], (int.from_bytes(extents[4:8], "big"), int.from_bytes(extents[8:12], "big")))
    numbers = Numbers(items.first_bytes(item, 12))
    _, flags = numbers.take(1), numbers.take(1)
    num_tiles = (numbers.take(1) + 1) * (numbers.take(1) + 1)
    width, height = (numbers.take(4 if flags & 1 else 2) for _ in range(2))
    tiles = items.references.get((b"dimg", item), [])
    num_coded = sum(items.kinds.get(tile) == codec.kind for tile in tiles)
    if not num_coded == num_tiles == len(tiles):
        raise CorruptImage(f"the {codec.name} image is corrupt: it has {num_coded} of its {num_tiles} tiles")
    return _Picture([item, *tiles], (width, height))
