"""Reads the tables of a HEIF file's meta box (ISO 23008-12, ISO 14496-12, 8.11), each in bounded time."""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from models.errors import CorruptImage
from models.pixels.formats.boxes import Box, Numbers, boxes

FULL_BOX_BYTES = 4  # of version and flags, with which a full box begins
_MAX_ITEMS = 1000  # as libheif has it; a photo of 200 megapixels has 770 tiles
_MAX_ENTRIES = 16_384  # of one table that says what belongs to them
_IN_FILE, _IN_META = 0, 1


class Property(NamedTuple):
    """A property of an item: its box, and whether the item may not be shown without it."""

    is_essential: bool
    box: Box


def read_kinds(data: bytes, box: Box) -> dict[int, bytes]:
    """Read from iinf of what kind each item is, in four letters."""
    version, _ = open_full_box(data, box)
    kinds: dict[int, bytes] = {}
    for entry in boxes(data, box.body + FULL_BOX_BYTES + (2 if version == 0 else 4), box.end):
        _check_count(len(kinds), _MAX_ITEMS)
        entry_version, numbers = open_full_box(data, entry)
        if entry_version < 2:
            continue  # without a kind
        item = numbers.take(2 if entry_version == 2 else 4)
        numbers.bytes(2)
        kinds[item] = numbers.bytes(4)
    return kinds


def read_references(data: bytes, box: Box) -> dict[tuple[bytes, int], list[int]]:
    """Read from iref, by kind and item, the items that it refers to, in order."""
    references: dict[tuple[bytes, int], list[int]] = {}
    version, _ = open_full_box(data, box)
    num_bytes, total = 2 if version == 0 else 4, 0
    for entry in boxes(data, box.body + FULL_BOX_BYTES, box.end):
        numbers = Numbers(data[entry.body : entry.end])
        item, count = numbers.take(num_bytes), numbers.take(2)
        total = _check_count(total + count, _MAX_ENTRIES)
        references[entry.kind, item] = [numbers.take(num_bytes) for _ in range(count)]
    return references


def read_properties(data: bytes, box: Box) -> dict[int, list[Property]]:
    """Read from iprp the properties of each item, in order."""
    parts = list(boxes(data, box.body, box.end))
    all_found = (each for part in parts if part.kind == b"ipco" for each in boxes(data, part.body, part.end))
    found = list(islice(all_found, _MAX_ENTRIES + 1))
    _check_count(len(found), _MAX_ENTRIES)
    properties: dict[int, list[Property]] = {}
    num_items = total = 0
    for part in parts:
        if part.kind != b"ipma":
            continue
        numbers = Numbers(data[part.body : part.end])
        version, flags = numbers.take(1), numbers.take(3)
        index_bytes = 2 if flags & 1 else 1
        essential = 1 << (8 * index_bytes - 1)
        in_part = numbers.take(4)
        num_items = _check_count(num_items + in_part, _MAX_ITEMS)
        for _ in range(in_part):
            listed = properties.setdefault(numbers.take(2 if version == 0 else 4), [])
            count = numbers.take(1)
            total = _check_count(total + count, _MAX_ENTRIES)
            for index in [numbers.take(index_bytes) for _ in range(count)]:
                if 0 < (number := index & (essential - 1)) <= len(found):
                    listed.append(Property(bool(index & essential), found[number - 1]))
    return properties


def read_extents(data: bytes, box: Box, idat: Box | None) -> dict[int, list[tuple[int, int]]]:
    """Read from iloc where in the file each item lies: start and length of its parts, which may be in idat."""
    version, numbers = open_full_box(data, box)
    sizes = numbers.take(2)
    offset_bytes, length_bytes, base_bytes, index_bytes = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    extents: dict[int, list[tuple[int, int]]] = {}
    total = 0
    for _ in range(_check_count(numbers.take(2 if version < 2 else 4), _MAX_ITEMS)):
        item = numbers.take(2 if version < 2 else 4)
        method = numbers.take(2) & 15 if version else _IN_FILE
        numbers.bytes(2)
        start = numbers.take(base_bytes)
        start += idat.body if method == _IN_META and idat else 0
        count = numbers.take(2)
        total = _check_count(total + count, _MAX_ENTRIES)
        for _ in range(count):
            numbers.bytes(index_bytes if version else 0)
            offset, length = numbers.take(offset_bytes), numbers.take(length_bytes)
            if method in (_IN_FILE, _IN_META):
                extents.setdefault(item, []).append((start + offset, length or len(data)))
    return extents


def open_full_box(data: bytes, box: Box) -> tuple[int, Numbers]:
    """Give the version of a full box, and the numbers after it."""
    numbers = Numbers(data[box.body : box.end])
    version = numbers.take(1)
    numbers.bytes(3)
    return version, numbers


def _check_count(count: int, limit: int) -> int:
    if count > limit:
        raise CorruptImage(f"the HEIF image is corrupt: it lists {count} items or more; at most {limit} are accepted")
    return count
