"""Writes a HEIF file (ISO 23008-12) of some items of another, with what makes their pixels and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from models.errors import UnsupportedImage
from models.pixels.formats.boxes import Box, write_box
from models.pixels.formats.heif_items import Items

# What makes the pixels: parameters, extents, depth, matrix of colours, turning, mirroring, cutting, what is alpha.
_KEPT = {b"hvcC", b"av1C", b"ispe", b"pixi", b"colr", b"irot", b"imir", b"clap", b"auxC"}
_FULL_BOX = bytes(4)  # version and flags


def write_heif(items: Items, kept: list[int], *, brands: bytes) -> bytes:
    """Write a file of these items, the first of which is the picture; brands: the major one, and what it is like."""
    number_of = {item: number for number, item in enumerate(kept, start=1)}
    contents = [items.data(item) for item in kept]
    head = write_box(b"ftyp", brands[:4], bytes(4), brands[4:])
    entries = [
        write_box(b"infe", b"\2\0\0\0", _u16(number_of[item]), bytes(2), items.kinds[item], b"\0") for item in kept
    ]
    parts = [
        write_box(b"hdlr", _FULL_BOX, bytes(4), b"pict", bytes(13)),
        write_box(b"pitm", _FULL_BOX, _u16(1)),
        write_box(b"iinf", _FULL_BOX, _u16(len(kept)), *entries),
        write_box(b"iref", _FULL_BOX, *reference_boxes(items, number_of)),
        write_box(b"iprp", *property_boxes(items, kept)),
    ]
    start = len(write_box(b"meta", _FULL_BOX, *parts, location_box(contents, 0))) + len(head) + 8
    meta = write_box(b"meta", _FULL_BOX, *parts, location_box(contents, start))
    num_bytes = 8 + sum(map(len, contents))
    return b"".join((head, meta, num_bytes.to_bytes(4, "big"), b"mdat", *contents))  # copied once, of megabytes


def location_box(contents: list[memoryview], start: int) -> bytes:
    """Write where the items lie, one after another from `start` on."""
    entries = []
    for number, content in enumerate(contents, start=1):
        entries.append(_u16(number) + bytes(2) + _u16(1) + struct.pack(">II", start, len(content)))
        start += len(content)
    return write_box(b"iloc", _FULL_BOX, b"\x44\0", _u16(len(contents)), *entries)


def reference_boxes(items: Items, number_of: dict[int, int]) -> Iterator[bytes]:
    """Write which of the items are tiles or transparency of which."""
    for (kind, item), targets in items.references.items():
        kept = [_u16(number_of[target]) for target in targets if target in number_of]
        if kind in (b"dimg", b"auxl", b"prem") and item in number_of and kept:
            yield write_box(kind, _u16(number_of[item]), _u16(len(kept)), *kept)


def property_boxes(items: Items, kept: list[int]) -> tuple[bytes, bytes]:
    """Write the properties that make the pixels, and to which items they belong.

    Raises:
        UnsupportedImage: an item may not be shown without another.
    """
    content_of: dict[Box, bytes] = {}  # read once, however often they are listed
    index_of: dict[bytes, int] = {}
    entries = []
    for number, item in enumerate(kept, start=1):
        indices = []
        for is_essential, box in items.properties(item):
            if box not in content_of:
                content_of[box] = items.content(box)
            content = content_of[box]
            is_profile = box.kind == b"colr" and content[8:12] != b"nclx"
            if box.kind in _KEPT and not is_profile:
                index = index_of.setdefault(content, len(index_of) + 1)
                indices.append(_u16(index | is_essential << 15))
            elif is_essential:
                raise UnsupportedImage(f"the HEIF image needs the property {box.kind.decode('latin-1')!a}")
        entries.append(_u16(number) + bytes([len(indices)]) + b"".join(indices))
    association = write_box(b"ipma", b"\0\0\0\1", struct.pack(">I", len(kept)), *entries)
    return write_box(b"ipco", *index_of), association


def _u16(number: int) -> bytes:
    return number.to_bytes(2, "big")
