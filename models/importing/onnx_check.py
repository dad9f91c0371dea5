"""Says whether a foreign ONNX file is sound, and computes nothing but what a classifier of pictures does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, TensorProto, helper

from models.importing.refused import ForeignModelRefused

MAX_BYTES = 1024**3
MAX_ELEMENTS = 2**30  # of one tensor
MAX_NODES, MAX_OPERANDS, MAX_NAME = 20_000, 4096, 4096
MIN_OPSET, MIN_IR = 9, 3
OPERATORS = frozenset(
    line for line in Path(__file__).with_name("onnx_operators.txt").read_text().split("\n") if line.isalnum()
)
_OWN_DOMAINS = ("", "ai.onnx")
_TYPES = (
    TensorProto.FLOAT,
    TensorProto.FLOAT16,
    TensorProto.DOUBLE,
    TensorProto.INT8,
    TensorProto.UINT8,
    TensorProto.INT32,
    TensorProto.INT64,
    TensorProto.BOOL,
)
_SIMPLE = (
    AttributeProto.FLOAT,
    AttributeProto.INT,
    AttributeProto.STRING,
    AttributeProto.FLOATS,
    AttributeProto.INTS,
    AttributeProto.STRINGS,
)


def check(content: bytes) -> Any:
    """Read an ONNX file, every name and size of which is checked; nothing is run.

    Returns:
        A model of the same network, written anew from what was read: opset, nodes, constants, inputs and outputs.

    Raises:
        ForeignModelRefused: it is broken, too large, or has something that is not accepted.
    """
    if len(content) > MAX_BYTES:
        raise ForeignModelRefused(f"the file has more than the {MAX_BYTES:,} bytes that are accepted")
    try:
        model = onnx.ModelProto.FromString(content)
    except DecodeError:
        raise ForeignModelRefused("the file cannot be read: it is no ONNX file, or is cut off") from None
    for reason in _reasons(model):
        raise ForeignModelRefused(reason)
    return _written_anew(model)


def _reasons(model: Any) -> Iterator[str]:
    """Yield what is wrong with a model, in an order in which what comes later relies on what was before."""
    graph = model.graph
    yield from _reasons_of_versions(model)
    if len(graph.node) > MAX_NODES or not graph.node:
        yield f"it has {len(graph.node):,} nodes; 1 to {MAX_NODES:,} are accepted"
    if model.functions or graph.sparse_initializer:
        what = "functions of its own" if model.functions else "sparse weights"
        yield f"it has {what}, which are not accepted: export it without"
    for node in graph.node:
        if node.domain not in _OWN_DOMAINS or node.op_type not in OPERATORS:
            name = f"{node.domain}.{node.op_type}" if node.domain not in _OWN_DOMAINS else node.op_type
            yield (
                f"its operator {name[:80]!r} is not accepted: ONNX's own alone are that a classifier computes by, "
                "without graphs inside, chance, texts or files"
            )
    for tensor in graph.initializer:
        yield from _reasons_of_tensor(tensor, f"its tensor {tensor.name[:80]!r}")
    for node in graph.node:
        for attribute in node.attribute:
            yield from _reasons_of_attribute(attribute, f"its node {node.name[:80]!r} ({node.op_type})")
    yield from _reasons_of_order(graph)


def _reasons_of_versions(model: Any) -> Iterator[str]:
    if not MIN_IR <= model.ir_version <= onnx.IR_VERSION:
        yield f"it is of ONNX' IR version {model.ir_version}; {MIN_IR} to {onnx.IR_VERSION} are accepted"
    opsets = [each.version for each in model.opset_import if each.domain in _OWN_DOMAINS]
    newest = onnx.defs.onnx_opset_version()
    if len(opsets) != 1 or not MIN_OPSET <= opsets[0] <= newest:
        yield f"it is of opset {', '.join(map(str, opsets)) or 'none'}; one of {MIN_OPSET} to {newest} is accepted"


def _reasons_of_tensor(tensor: Any, who: str) -> Iterator[str]:
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        places = {entry.key: entry.value for entry in tensor.external_data}
        where = places.get("location", "?")[:80]
        yield f"{who} lies in another file, {where!r}, which is not accepted: save the model as one file of below 1 GB"
        return
    if tensor.data_type not in _TYPES or tensor.HasField("segment"):
        yield f"{who} is of a type that is not accepted ({_type_name(tensor.data_type)})"
        return
    if len(tensor.dims) > 8 or min(tensor.dims, default=0) < 0 or math.prod(tensor.dims) > MAX_ELEMENTS:
        yield f"{who} has shape {list(tensor.dims)[:8]}, which is too large"
        return
    num_values = math.prod(tensor.dims)
    if tensor.raw_data:
        needed, there = num_values * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize, len(tensor.raw_data)
    else:
        needed, there = num_values, len(getattr(tensor, helper.tensor_dtype_to_field(tensor.data_type)))
    if needed != there:
        yield f"{who} needs {needed:,} {'bytes' if tensor.raw_data else 'numbers'}, and has {there:,}"


def _reasons_of_attribute(attribute: Any, who: str) -> Iterator[str]:
    if attribute.type == AttributeProto.TENSOR:
        yield from _reasons_of_tensor(attribute.t, f"{who} has {attribute.name[:80]!r}, which")
    elif attribute.type not in _SIMPLE or attribute.ref_attr_name:
        yield f"{who} has {attribute.name[:80]!r}, a graph or a reference, which is not accepted"


def _reasons_of_order(graph: Any) -> Iterator[str]:
    """Yield what is read before it is computed, or computed twice: a cycle, for one."""
    known = {each.name for each in graph.input} | {each.name for each in graph.initializer} | {""}
    for node in graph.node:
        if len(node.input) > MAX_OPERANDS or len(node.output) > MAX_OPERANDS:
            yield f"its node {node.name[:80]!r} has more than {MAX_OPERANDS:,} inputs or outputs"
        for name in node.input:
            if name not in known:
                who = f"its node {node.name[:80]!r} ({node.op_type})"
                yield f"{who} reads {name[:80]!r}, which nothing before it computes"
        for name in filter(None, node.output):
            if name in known or len(name) > MAX_NAME:
                yield f"its tensor {name[:80]!r} is computed twice, or its name is too long"
            known.add(name)
    for each in graph.output:
        if each.name not in known or not each.name:
            yield f"its output {each.name[:80]!r} is computed by nothing"


def _written_anew(model: Any) -> Any:
    """Copy what is known of a model, its tensors under names that begin with "network/"."""
    graph = onnx.GraphProto(name="network")
    for node in model.graph.node:
        made = graph.node.add(op_type=node.op_type)
        made.input.extend(_inside(name) for name in node.input)
        made.output.extend(_inside(name) for name in node.output)
        made.attribute.extend(node.attribute)
    for source, target in ((model.graph.initializer, graph.initializer), (model.graph.output, graph.output)):
        for each in source:
            copied = target.add()
            copied.CopyFrom(each)
            copied.name = _inside(each.name)
    constants = {each.name for each in graph.initializer}
    for each in model.graph.input:
        if _inside(each.name) not in constants:
            copied = graph.input.add()
            copied.CopyFrom(each)
            copied.name = _inside(each.name)
    [opset] = [each.version for each in model.opset_import if each.domain in _OWN_DOMAINS]
    # The least that is enough, so that older releases of ONNX Runtime load the file.
    return helper.make_model_gen_version(graph, opset_imports=[helper.make_opsetid("", opset)])


def _inside(name: str) -> str:
    return f"network/{name}" if name else ""


def _type_name(number: int) -> str:
    return str(TensorProto.DataType.Name(number)).lower() if number in TensorProto.DataType.values() else str(number)
