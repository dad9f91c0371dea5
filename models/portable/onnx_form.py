"""Brings an ONNX file that tf2onnx made of an int8 network into the form that suits a device."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.portable.onnx_graph import OnnxGraph, attributes_of

_QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")
# What may stand between them, and does not mind whether bytes are signed.
_PASSING_ON = ("Concat", "Flatten", "MaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze")


def as_unsigned(graph: OnnxGraph) -> None:
    """Have activations be uint8 in place of int8, which are the same numbers.

    ONNX Runtime's kernels for x86 multiply unsigned by signed bytes; with both signed they take 1.6 to 2.3 times as
    long (docs/performance.md).
    """
    quantized = {name for node in graph.nodes if node.op_type == "QuantizeLinear" for name in node.output}
    for node in graph.nodes:
        if quantized & set(node.input) and node.op_type not in (*_QUANTIZERS, *_PASSING_ON):
            return  # such as a padding with a signed number
        quantized |= set(node.output) if node.op_type in _PASSING_ON and quantized & set(node.input) else set()
    moved: dict[str, str] = {}
    for node in graph.nodes:
        if node.op_type not in _QUANTIZERS or node.input[0] in graph.constants or len(node.input) < 3:
            continue
        zero_point = graph.array(node.input[2])
        if zero_point is not None and zero_point.dtype == np.int8:
            if (name := node.input[2]) not in moved:
                moved[name] = graph.constant("zero_point", (zero_point.astype(np.int16) + 128).astype(np.uint8))
            node.input[2] = moved[name]


def as_float32(graph: OnnxGraph) -> None:
    """Have everything be computed in float32, with the values that the int8 weights stand for; for GPUs.

    TensorRT takes int8 without zero points alone, and CUDA has no kernels for it. What quantizing has cut off stays cut
    off: tf2onnx leaves out a ReLU where that does the same.
    """
    image, kept = graph.image.name, []
    for node in graph.nodes:
        source = node.input[0]
        if node.op_type == "DequantizeLinear" and source in graph.constants:
            graph.read_instead(node.output[0], graph.constant("weights", _dequantized(graph, node)))
        elif node.op_type == "DequantizeLinear" and source != image:
            graph.read_instead(node.output[0], source)
        elif node.op_type == "QuantizeLinear":
            scale, zero_point = (graph.array(name) for name in node.input[1:3])
            ends = np.iinfo(zero_point.dtype)
            low, high = ((end - int(zero_point)) * np.float32(scale) for end in (ends.min, ends.max))
            bounds = [graph.constant("bound", np.array(each, np.float32)) for each in (low, high)]
            kept.append(graph.node("Clip", [source, *bounds], node.output[0]))
        else:
            kept.append(node)
    graph.nodes = kept


def _dequantized(graph: OnnxGraph, node: Any) -> npt.NDArray[np.float32]:
    values, scale, *zero_point = (graph.array(name) for name in node.input)
    axis = int(attributes_of(node).get("axis", 1))
    sides = [1] * values.ndim
    if scale.ndim and scale.size > 1:
        sides[axis] = -1
    centred = values.astype(np.float32)
    if zero_point:
        centred -= zero_point[0].astype(np.float32).reshape(sides)
    weights: npt.NDArray[np.float32] = (centred * scale.reshape(sides)).astype(np.float32)
    return weights
