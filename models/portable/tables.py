"""Writes flatbuffers from plain values, for schemas too small to generate classes for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import flatbuffers


@dataclass(frozen=True, slots=True)
class Byte:
    """A field of one byte, such as an enumeration or the type of a union."""

    value: int


@dataclass(frozen=True, slots=True)
class UInt:
    """A field of four bytes, unsigned."""

    value: int


# A text, a table (its fields in the order of the schema, None where absent), a vector of floats or one of tables.
Value: TypeAlias = "str | Byte | UInt | tuple[Any, ...] | Sequence[float] | Sequence[tuple[Any, ...]]"


def flatbuffer(root: tuple[Value | None, ...], identifier: bytes) -> bytes:
    """Write a table and all below it; equal values give equal bytes."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(_write(builder, root), identifier)
    return bytes(builder.Output())


def _write(builder: Any, value: Value) -> int:
    """Write whatever a field refers to; returns its offset."""
    if isinstance(value, str):
        return int(builder.CreateString(value))
    if isinstance(value, tuple):
        return _write_table(builder, value)
    assert isinstance(value, list)  # noqa: S101 - numbers stand in their tables
    numbers = [item for item in value if isinstance(item, float)]
    items = numbers or [_write(builder, item) for item in value]
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):  # a flatbuffer is written from its end
        if numbers:
            builder.PrependFloat32(item)
        else:
            builder.PrependUOffsetTRelative(item)
    return int(builder.EndVector())


def _write_table(builder: Any, fields: tuple[Value | None, ...]) -> int:
    # What fields refer to stands outside of the table and is written first.
    refers = {
        slot: _write(builder, field)
        for slot, field in enumerate(fields)
        if field is not None and not isinstance(field, Byte | UInt)
    }
    builder.StartObject(len(fields))
    for slot, field in enumerate(fields):
        match field:
            case Byte(value):
                builder.PrependUint8Slot(slot, value, 0)
            case UInt(value):
                builder.PrependUint32Slot(slot, value, 0)
            case None:
                pass
            case _:
                builder.PrependUOffsetTRelativeSlot(slot, refers[slot], 0)
    return int(builder.EndObject())
