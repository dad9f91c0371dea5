"""Reads from the metadata of a `.tflite` which range of pixels its network takes.

The metadata is a flatbuffer of the schema metadata_schema.fbs of tensorflow/tflite-support, of which this follows one
path: model, graph, input, its processing, normalization.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from flatbuffers.number_types import Float32Flags, Uint8Flags, UOffsetTFlags

from models.portable.description import METADATA

_NORMALIZATION = 1  # of the schema's union ProcessUnitOptions
# Places of fields in their tables.
_SUBGRAPHS, _INPUTS, _PROCESSING, _KIND, _OPTIONS, _MEAN, _STD = 3, 2, 4, 0, 1, 0, 1
_MAX_VALUES = 3


def range_inside(file: Path) -> str | None:
    """Return the range "LOW..HIGH" of a float input; None where the file tells none, or one of each channel."""
    try:
        model = schema.Model.GetRootAs(file.read_bytes())
        graph = model.Subgraphs(0)
        if graph.Tensors(graph.Inputs(0)).Type() != schema.TensorType.FLOAT32:
            return None
        names = {model.Metadata(index).Name(): index for index in range(model.MetadataLength())}
        data = model.Buffers(model.Metadata(names[METADATA.encode()]).Buffer()).DataAsNumpy().tobytes()
        (root,) = struct.unpack_from("<I", data)
        [described] = _tables(flatbuffers.table.Table(data, root), _SUBGRAPHS)
        [image] = _tables(described, _INPUTS)
        for unit in _tables(image, _PROCESSING):
            kind = unit.Offset(_slot(_KIND))
            if kind and unit.Get(Uint8Flags, unit.Pos + kind) == _NORMALIZATION:
                options = flatbuffers.table.Table(data, unit.Indirect(unit.Pos + unit.Offset(_slot(_OPTIONS))))
                means, deviations = set(_floats(options, _MEAN)), set(_floats(options, _STD))
                [mean], [deviation] = means, deviations
                return f"{_decimal(-mean / deviation)}..{_decimal((255 - mean) / deviation)}"
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, ZeroDivisionError, struct.error):
        return None
    return None


def _tables(table: Any, field: int) -> list[Any]:
    """Return the tables of a vector; of at most _MAX_VALUES."""
    offset = table.Offset(_slot(field))
    if not offset:
        return []
    start = table.Vector(offset)
    places = [start + 4 * index for index in range(min(table.VectorLen(offset), _MAX_VALUES))]
    return [flatbuffers.table.Table(table.Bytes, place + table.Get(UOffsetTFlags, place)) for place in places]


def _floats(table: Any, field: int) -> list[float]:
    offset = table.Offset(_slot(field))
    start, length = table.Vector(offset), min(table.VectorLen(offset), _MAX_VALUES)
    return [float(table.Get(Float32Flags, start + 4 * index)) for index in range(length)]


def _slot(field: int) -> int:
    return 4 + 2 * field


def _decimal(value: float) -> str:
    return f"{value + 0.0:.6f}".rstrip("0").rstrip(".")
