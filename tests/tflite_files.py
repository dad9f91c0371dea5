"""`.tflite` files of a few bytes, written by hand: every figure of them can be counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

IMAGE_SHAPE = (1, 32, 32, 3)
CHANNEL_OF_LABEL = (2, 1, 0)  # of toy_data.LABELS: blue, green, red


@dataclass(frozen=True)
class Tensor:
    """What is to be written; `data` makes it a constant."""

    shape: tuple[int, ...]
    type: str = "FLOAT32"
    data: Any = None
    scale: float | None = None
    zero_points: tuple[int, ...] = ()
    dimension: int = 0
    signature: tuple[int, ...] | None = None


def write(
    path: Path,
    tensors: Sequence[Tensor],
    operators: Sequence[tuple[str, list[int], list[int]]],
    options: Mapping[str, Mapping[str, Any]] | None = None,
    **ends: list[int],
) -> Path:
    """A file with one subgraph; operators are (name, inputs, outputs); `inputs` and `outputs` by default 0 and last.

    `options` are of all operators of a name.
    """
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    names = list(dict.fromkeys(name for name, _, _ in operators))
    model.operatorCodes = [_code(name) for name in names]
    graph = schema.SubGraphT()
    graph.tensors = [_tensor(model, tensor) for tensor in tensors]
    graph.operators = [
        _operator(names.index(name), name, taken, given, (options or {}).get(name, {}))
        for name, taken, given in operators
    ]
    graph.inputs, graph.outputs = ends.get("inputs", [0]), ends.get("outputs", [len(tensors) - 1])
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def colour_classifier(
    path: Path,
    *,
    order: Sequence[int] = (0, 1, 2),
    dtype: str = "UINT8",
    ends_in_softmax: bool = True,
    gain: float = 0.1,
) -> Path:
    """Tells toy_data's classes apart by the mean of their colour channel; `order` puts a label in another's place."""
    weights = np.zeros((3, 32, 32, 3), np.float32)
    for row, label in enumerate(order):
        weights[row, :, :, CHANNEL_OF_LABEL[label]] = gain / 1024
    is_quantized = dtype == "INT8"
    tensors = [
        Tensor(IMAGE_SHAPE, dtype, scale=1.0 if is_quantized else None, zero_points=(-128,) if is_quantized else ()),
        Tensor(IMAGE_SHAPE),
        Tensor((3, 3072), data=weights.reshape(3, 3072)),
        Tensor((1, 3)),
    ]
    first = "DEQUANTIZE" if is_quantized else "CAST"
    operators = [(first, [0], [1]), ("FULLY_CONNECTED", [1, 2, -1], [3])]
    if dtype == "FLOAT32":
        operators = [("FULLY_CONNECTED", [0, 2, -1], [3])]
    if ends_in_softmax:
        tensors.append(Tensor((1, 3)))
        operators.append(("SOFTMAX", [3], [4]))
    return write(path, tensors, operators)


def pooled_classifier(
    path: Path,
    weights: Any,
    bias: Any,
    *,
    pooling: str = "MEAN",
    axes: Sequence[int] = (1, 2),
    window: tuple[int, int] = (32, 32),
    activation: int = 0,
) -> Path:
    """A classifier whose last feature maps are its pixels, whose mean one dense layer classifies."""
    num_classes = len(weights)
    any_number = (-1, 32, 32, 3)
    tensors = [
        Tensor(IMAGE_SHAPE, "UINT8", signature=any_number),
        Tensor(IMAGE_SHAPE, signature=any_number),
        Tensor((2,), "INT32", np.array(axes, np.int32)),
        Tensor((1, 3), signature=(-1, 3)),
        Tensor((num_classes, 3), data=np.asarray(weights, np.float32)),
        Tensor((num_classes,), data=np.asarray(bias, np.float32)),
        Tensor((1, num_classes), signature=(-1, num_classes)),
        Tensor((1, num_classes), signature=(-1, num_classes)),
    ]
    operators = [
        ("CAST", [0], [1]),
        ("MEAN", [1, 2], [3]),
        ("FULLY_CONNECTED", [3, 4, 5], [6]),
        ("SOFTMAX", [6], [7]),
    ]
    if pooling == "AVERAGE_POOL_2D":
        tensors[2] = Tensor((2,), "INT32", np.array([-1, 3], np.int32))
        tensors.append(Tensor((1, 1, 1, 3), signature=(-1, 1, 1, 3)))
        operators[1:2] = [("AVERAGE_POOL_2D", [1], [8]), ("RESHAPE", [8, 2], [3])]
    options = {"MEAN": {"keepDims": False}, "FULLY_CONNECTED": {"fusedActivationFunction": activation}}
    options["AVERAGE_POOL_2D"] = {"padding": 1, "strideW": 1, "strideH": 1}
    options["AVERAGE_POOL_2D"] |= {"filterHeight": window[0], "filterWidth": window[1]}
    return write(path, tensors, operators, options=options, outputs=[7])


def one_at_a_time(path: Path) -> Path:
    """A classifier that takes no batch larger than 1: it reshapes to a size that is fixed."""
    weights = np.ones((3, 3072), np.float32)
    tensors = [
        Tensor(IMAGE_SHAPE),
        Tensor((2,), "INT32", np.array([1, 3072], np.int32)),
        Tensor((1, 3072)),
        Tensor((3, 3072), data=weights),
        Tensor((1, 3)),
    ]
    return write(path, tensors, [("RESHAPE", [0, 1], [2]), ("FULLY_CONNECTED", [2, 3, -1], [4])])


def two_outputs(path: Path) -> Path:
    """A graph that gives its input back, twice, as float32."""
    tensors = [Tensor(IMAGE_SHAPE, "UINT8"), Tensor(IMAGE_SHAPE), Tensor(IMAGE_SHAPE)]
    return write(path, tensors, [("CAST", [0], [1]), ("CAST", [0], [2])], outputs=[1, 2])


def _code(name: str) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = 1
    return code


OPTIONS = {
    "SOFTMAX": "SoftmaxOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "MEAN": "ReducerOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
}


def _operator(index: int, name: str, taken: list[int], given: list[int], options: Mapping[str, Any]) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = index, taken, given
    if name in OPTIONS:
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, OPTIONS[name])
        operator.builtinOptions = getattr(schema, f"{OPTIONS[name]}T")()
    if name == "SOFTMAX":
        operator.builtinOptions.beta = 1.0
    for option, value in options.items():
        setattr(operator.builtinOptions, option, value)
    return operator


def _tensor(model: Any, tensor: Tensor) -> Any:
    written = schema.TensorT()
    written.shape, written.type = list(tensor.shape), getattr(schema.TensorType, tensor.type)
    written.shapeSignature = None if tensor.signature is None else list(tensor.signature)
    written.buffer = 0
    if tensor.data is not None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(tensor.data).tobytes(), np.uint8)
        written.buffer = len(model.buffers)
        model.buffers.append(buffer)
    if tensor.zero_points:
        written.quantization = schema.QuantizationParametersT()
        written.quantization.scale = [tensor.scale or 1.0] * len(tensor.zero_points)
        written.quantization.zeroPoint = list(tensor.zero_points)
        written.quantization.quantizedDimension = tensor.dimension
    return written
