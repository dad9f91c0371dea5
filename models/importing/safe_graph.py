"""Says whether a foreign LiteRT file is sound, and computes nothing but what a classifier of pictures does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from models.importing.editing import DTYPES
from models.importing.refused import ForeignModelRefused
from models.portable.checked_graph import Graph, read_graph
from models.portable.description import unpacked

MAX_BYTES = 1024**3
MAX_ELEMENTS = 2**30  # of one tensor
# What runs other graphs, waits, remembers, draws by chance, or is code of a library that is not here.
_REFUSED = (
    "ASSIGN_VARIABLE",
    "CALL",
    "CUSTOM",
    "DELEGATE",
    "HASHTABLE",
    "IF",
    "MULTINOMIAL",
    "OPERATOR",
    "PLACEHOLDER",
    "RANDOM",
    "READ_VARIABLE",
    "STABLEHLO",
    "VAR_HANDLE",
    "WHILE",
)


def check(content: bytes) -> Graph:
    """Read a LiteRT file, every index of which is checked; nothing is run.

    Raises:
        ForeignModelRefused: it is broken, too large, or has an operator that is not accepted.
    """
    if len(content) > MAX_BYTES:
        raise ForeignModelRefused(f"the file has more than the {MAX_BYTES:,} bytes that are accepted")
    try:
        graph = read_graph(content)
    except ValueError as error:
        raise ForeignModelRefused(f"the file cannot be read: {error}") from error
    try:
        reasons = list(_reasons(schema.Model.GetRootAs(content), graph))
        if not reasons:
            unpacked(content)
    except Exception as error:  # reading past the end raises as the broken byte has it
        raise ForeignModelRefused("the file cannot be read: an offset in it leads astray") from error
    if reasons:
        raise ForeignModelRefused(reasons[0])
    return graph


def _reasons(model: Any, graph: Graph) -> Iterator[str]:
    """Yield what is wrong with a file."""
    for name in dict.fromkeys(operator.name for operator in graph.operators):
        if name.split()[0].startswith(_REFUSED):
            yield f"its operator {name!r} is not accepted: built-in ones alone are, without state, loops or chance"
    subgraph = model.Subgraphs(0)
    # What unpacks the file reads a table anew for each list that names it.
    for what in ("Tensors", "Operators"):
        places = [getattr(subgraph, what)(index)._tab.Pos for index in range(getattr(subgraph, f"{what}Length")())]
        if len(set(places)) < len(places):
            yield f"one of its {what.lower()} is listed twice"
    buffers = (model.Buffers(index) for index in range(model.BuffersLength()))
    is_outside = model.ExternalBuffersLength() or any(buffer.Offset() > 1 or buffer.Size() for buffer in buffers)
    if is_outside:
        yield "its weights lie outside of its graph, which is not accepted: convert the model to one file of below 2 GB"
    for index, tensor in enumerate(graph.tensors):
        if tensor.size > MAX_ELEMENTS:
            yield f"its tensor {index} has shape {list(tensor.shape)}, which is too large"
        if tensor.is_sparse:
            yield f"its tensor {index} is sparse, which is not accepted: convert the model without sparsity"
        if tensor.data is not None and tensor.type in DTYPES:
            num_bytes = tensor.size * DTYPES[tensor.type]().itemsize
            if len(tensor.data) != num_bytes:
                yield f"its tensor {index} needs {num_bytes:,} bytes, and has {len(tensor.data):,}"
