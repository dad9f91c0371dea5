"""Reads HEIC (ISO 23008-12 with HEVC), where pillow-heif is installed: makes a file of the one picture that is shown.

libheif takes whatever size a stream of a few bytes announces, up to a gigapixel, and decodes as many tiles and pictures
as there are. So what is handed on has only those items that make the picture, of which each has been looked into.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from PIL import Image

from models.errors import CorruptImage, UnsupportedImage
from models.pixels.formats.boxes import Numbers, boxes
from models.pixels.formats.encoded import EncodedImage
from models.pixels.formats.heif_items import Items
from models.pixels.formats.heif_writer import write_heif
from models.pixels.formats.hevc import CodedPicture, read_picture

IS_INSTALLED = importlib.util.find_spec("pillow_heif") is not None  # which is imported for the first image

_CODED, _GRID = b"hvc1", b"grid"
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0", b"urn:mpeg:hevc:2015:auxid:1\0")
_MAX_UNITS = 16_384
# A pass of HEVC takes 20 to 100 ns a pixel, far more than one of other formats; whole photos must still do.
_COST = 4
_MAX_PADDING_PX = 63  # with which an encoder fills up its last blocks


class _Picture(NamedTuple):
    """A picture, not yet turned, and the items that make it: itself first, and each tile as often as it is used."""

    items: list[int]
    size: tuple[int, int]


def read(data: bytes) -> EncodedImage:
    """Read the meta box, and every item that belongs to the primary picture or its transparency."""
    meta = next((box for box in boxes(data) if box.kind == b"meta"), None)
    if meta is None:
        if any(box.kind == b"moov" for box in boxes(data)):
            raise UnsupportedImage("the upload is a HEIC sequence without a still picture, which is not accepted")
        raise CorruptImage("the HEIC image is truncated before its picture")
    items = Items(data, meta)
    picture = _picture(items, items.primary)
    masters = set(picture.items)
    decoded = list(picture.items)
    for (kind, item), targets in items.references.items():
        if kind == b"auxl" and masters.intersection(targets) and items.property(item, b"auxC")[4:] in _ALPHA:
            decoded += _picture(items, item).items
    kept = list(dict.fromkeys(decoded))
    if sum(map(items.size_bytes, kept)) > len(data):
        raise CorruptImage("the HEIC image is corrupt: its items overlap")
    costs = _costs(items, kept)
    width, height = picture.size
    padded = (width + _MAX_PADDING_PX, height + _MAX_PADDING_PX)
    larger = [cost[:2] for cost in costs.values() if cost.width > padded[0] or cost.height > padded[1]]
    size = max([picture.size, *larger], key=lambda size: size[0] * size[1])
    passes = (costs[item] for item in decoded if item in costs)
    num_pixels = sum(cost.width * cost.height * cost.num_slices for cost in passes)
    return EncodedImage(
        format="HEIC",
        size=size,
        data=write_heif(items, kept),
        orientation=1,  # libheif turns the picture as irot and imir say, and EXIF may not
        num_passes=math.ceil(_COST * num_pixels / (size[0] * size[1])),
    )


def decode(encoded: EncodedImage) -> Image.Image:
    """Decode the picture that `read` has left; 10 and 12 bits a sample become 8.

    Raises:
        ValueError, EOFError, RuntimeError, OSError: it is broken.
    """
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 1  # requests run side by side already
    picture: Any = pillow_heif.open_heif(encoded.data)[0]
    data = picture.data  # the size may be another once it is decoded
    return Image.frombuffer(picture.mode, picture.size, data, "raw", picture.mode, picture.stride, 1)


def _picture(items: Items, item: int) -> _Picture:
    kind = items.kinds.get(item)
    extents = items.property(item, b"ispe")
    if kind not in (_CODED, _GRID):
        name = kind.decode("latin-1") if kind else "nothing"
        raise UnsupportedImage(f"the HEIC image is stored as {name!a}; accepted are 'hvc1' and 'grid' of it")
    if len(extents) < 12:
        raise CorruptImage("the HEIC image is corrupt: it does not say how large it is")
    if kind == _CODED:
        return _Picture([item], (int.from_bytes(extents[4:8], "big"), int.from_bytes(extents[8:12], "big")))
    numbers = Numbers(items.data(item)[:12])
    _, flags = numbers.take(1), numbers.take(1)
    num_tiles = (numbers.take(1) + 1) * (numbers.take(1) + 1)
    width, height = (numbers.take(4 if flags & 1 else 2) for _ in range(2))
    tiles = items.references.get((b"dimg", item), [])
    num_coded = sum(items.kinds.get(tile) == _CODED for tile in tiles)
    if not num_coded == num_tiles == len(tiles):
        raise CorruptImage(f"the HEIC image is corrupt: it has {num_coded} of its {num_tiles} tiles")
    return _Picture([item, *tiles], (width, height))


def _costs(items: Items, kept: Iterable[int]) -> dict[int, CodedPicture]:
    """Look into the streams of the items that have one."""
    costs: dict[int, CodedPicture] = {}
    num_units = 0
    for item in kept:
        if items.kinds[item] == _CODED:
            costs[item] = read_picture(items.property(item, b"hvcC"), items.data(item))
            num_units += costs[item].num_units
            if num_units > _MAX_UNITS:
                raise CorruptImage(f"the HEIC image is corrupt: it has more than {_MAX_UNITS} units")
    return costs
