"""Finds what belongs to each item of a HEIF file (ISO 23008-12): properties, other items, data."""

from __future__ import annotations

from models.errors import CorruptImage
from models.pixels.formats.boxes import Box, boxes
from models.pixels.formats.heif_tables import (
    FULL_BOX_BYTES,
    Property,
    open_full_box,
    read_extents,
    read_kinds,
    read_properties,
    read_references,
)

_MAX_PROPERTY_BYTES = 65_536  # many items may share one, which is copied for each; parameters have some hundreds


class Items:
    """The items that a meta box describes, by their numbers.

    Attributes:
        primary: the picture that the file is to be shown as.
        kinds: four letters each.
        references: by kind and item, the items that it refers to, in order.

    Raises:
        CorruptImage, ValueError: the box is broken, or has more items than any photo.
    """

    def __init__(self, data: bytes, meta: Box) -> None:
        self._data = data
        parts: dict[bytes, Box] = {}
        for part in boxes(data, meta.body + FULL_BOX_BYTES, meta.end):
            parts.setdefault(part.kind, part)
        if missing := [name for name in (b"pitm", b"iinf", b"iloc", b"iprp") if name not in parts]:
            raise CorruptImage(f"the HEIF image is corrupt: it has no box {missing[0].decode()}")
        version, numbers = open_full_box(data, parts[b"pitm"])
        self.primary = numbers.take(2 if version == 0 else 4)
        self.kinds = read_kinds(data, parts[b"iinf"])
        self.references = read_references(data, parts[b"iref"]) if b"iref" in parts else {}
        self._properties = read_properties(data, parts[b"iprp"])
        self._extents = read_extents(data, parts[b"iloc"], parts.get(b"idat"))

    def properties(self, item: int) -> list[Property]:
        """List the properties of an item, in their order."""
        return self._properties.get(item, [])

    def property(self, item: int, kind: bytes) -> bytes:
        """Return the body of an item's first property of a kind; empty without one, and cut where it is too long."""
        boxes = (box for _, box in self.properties(item) if box.kind == kind)
        return next((self._data[box.body : min(box.end, box.body + _MAX_PROPERTY_BYTES)] for box in boxes), b"")

    def content(self, box: Box) -> bytes:
        """Return a box whole."""
        return self._data[box.start : box.end]

    def size_bytes(self, item: int) -> int:
        """Count the bytes of an item's data."""
        return sum(length for _, length in self._extents.get(item, []))

    def data(self, item: int) -> memoryview:
        """Return the data of an item, which is copied only where it has several parts.

        Raises:
            CorruptImage: its parts overlap, which could make it of any size.
        """
        if self.size_bytes(item) > len(self._data):
            raise CorruptImage("the HEIF image is corrupt: the parts of an item overlap")
        whole = memoryview(self._data)
        parts = [whole[start : start + length] for start, length in self._extents.get(item, [])]
        return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))

    def first_bytes(self, item: int, count: int) -> bytes:
        """Return so many bytes of the data of an item, or all it has in as many parts."""
        parts = self._extents.get(item, [])[:count]
        return b"".join(self._data[start : start + min(length, count)] for start, length in parts)[:count]
