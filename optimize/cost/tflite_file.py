"""Read what a `.tflite` file costs from its bytes: size, parameters, multiply-accumulates, zeros, operators."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.portable.checked_graph import ABSENT, Graph, Operator, Tensor, read_graph

# Place of the kernel's output channels. Every element of a kernel is used once for each position of the output.
_KERNEL_CHANNELS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
_ARITHMETIC = ("MUL", "ADD")  # with a constant: what is left of a batch normalization
_UNPACKING = ("DEQUANTIZE", "DENSIFY")  # between a float16 or sparse constant and the operator that uses it
_DTYPES = {"FLOAT32": "<f4", "FLOAT16": "<f2", "INT8": "i1", "UINT8": "u1", "INT16": "<i2", "INT32": "<i4"}


@dataclass(frozen=True, slots=True)
class TFLiteFile:
    """What a `.tflite` file holds.

    Attributes:
        num_bytes: of the file.
        gzip_bytes: of the file after gzip at level 9.
        num_parameters: elements of the kernels and biases of CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED, and of the
            constants of MUL and ADD; one that several operators share counts once.
        macs: multiply-accumulates of those three operators, for one image.
        sparsity: fraction of zeros (values equal to their zero point) among the elements of their kernels, in [0, 1].
        operators: name to number of times, in the order in which they first run.
        float_operators: names of those that take or give float32 or float16, in the order in which they run.
    """

    num_bytes: int
    gzip_bytes: int
    num_parameters: int
    macs: int
    sparsity: float
    operators: Mapping[str, int]
    float_operators: tuple[str, ...]


def read_tflite(path: Path) -> TFLiteFile:
    """Read a file with LiteRT's schema; nothing of it is run.

    Raises:
        ValueError: it is not a LiteRT file of one subgraph, or it is broken; the message names the file.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    try:
        graph = read_graph(content)
        sources = {output: operator for operator in graph.operators for output in operator.outputs}
        layers = [operator for operator in graph.operators if operator.name in _KERNEL_CHANNELS]
        kernels = {index for layer in layers if (index := _constant(graph, sources, _kernel(layer))) is not None}
        operands = {index for layer in layers for index in layer.inputs[1:]}
        operands |= {index for operator in graph.operators if operator.name in _ARITHMETIC for index in operator.inputs}
        parameters = {_constant(graph, sources, index) for index in operands}
        num_weights = sum(graph.tensors[index].size for index in kernels)
        num_zeros = sum(_num_zeros(graph.tensors[index]) for index in kernels)
        return TFLiteFile(
            num_bytes=len(content),
            gzip_bytes=len(gzip.compress(content, compresslevel=9, mtime=0)),
            num_parameters=sum(graph.tensors[index].size for index in parameters if index is not None),
            macs=sum(_macs(graph, layer) for layer in layers),
            sparsity=num_zeros / num_weights if num_weights else 0.0,
            operators=dict(Counter(operator.name for operator in graph.operators)),
            float_operators=tuple(operator.name for operator in graph.operators if _is_float(graph, operator)),
        )
    except ValueError as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from error


def _kernel(layer: Operator) -> int:
    if len(layer.inputs) < 2 or len(layer.outputs) != 1 or ABSENT in (layer.inputs[1], layer.outputs[0]):
        raise ValueError(f"a {layer.name} must have an input, a kernel and an output")
    return layer.inputs[1]


def _constant(graph: Graph, sources: Mapping[int, Operator], index: int) -> int | None:
    """Find the stored tensor that an operand comes from; None if it is computed from the image."""
    for _ in _UNPACKING:
        source = sources.get(index)
        if source is not None and source.name in _UNPACKING and source.inputs:
            index = source.inputs[0]
    return None if index == ABSENT or graph.tensors[index].data is None else index


def _macs(graph: Graph, layer: Operator) -> int:
    kernel, output = graph.tensors[_kernel(layer)], graph.tensors[layer.outputs[0]]
    image = graph.tensors[graph.inputs[0]]
    place = _KERNEL_CHANNELS[layer.name]
    batch_size = image.shape[0] if image.shape else 0
    if -1 in image.signature[1:]:
        raise ValueError(f"it takes images of any size: {list(image.signature)}")
    if kernel.shape[place : place + 1] != output.shape[-1:] or not output.shape or not output.size:
        raise ValueError(f"a {layer.name} has a kernel {list(kernel.shape)} but gives {list(output.shape)}")
    if not batch_size or output.size % batch_size:
        raise ValueError(f"a {layer.name} gives {list(output.shape)}, which {batch_size} images do not divide")
    return output.size // output.shape[-1] * kernel.size // batch_size


def _num_zeros(kernel: Tensor) -> int:
    values = _values(kernel)
    zero_points = kernel.zero_points
    if len(zero_points) > 1 and not kernel.is_sparse:
        dimension = kernel.quantized_dimension
        if dimension < 0 or kernel.shape[dimension : dimension + 1] != zero_points.shape:
            raise ValueError(f"a kernel {list(kernel.shape)} has {len(zero_points)} zero points along {dimension}")
        along = [1] * len(kernel.shape)
        along[dimension] = len(zero_points)
        values, zero_points = values.reshape(kernel.shape), zero_points.reshape(along)
    elif len(zero_points) > 1:
        zero_points = zero_points[:1]  # converters make sparse kernels symmetric: each of them is 0
    # What a sparse kernel does not store is zero.
    return kernel.size - int(np.count_nonzero(values != (zero_points if zero_points.size else 0)))


def _values(kernel: Tensor) -> npt.NDArray[np.generic]:
    data = np.zeros(0, np.uint8) if kernel.data is None else kernel.data
    values: npt.NDArray[np.generic]
    if kernel.type == "INT4":
        nibbles = np.stack([data & 15, data >> 4], axis=-1).reshape(-1)[: kernel.size]
        values = (nibbles.astype(np.int8) ^ 8) - 8
    elif kernel.type in _DTYPES:
        values = np.frombuffer(data.tobytes(), _DTYPES[kernel.type])
    else:
        raise ValueError(f"zeros of a kernel of type {kernel.type} cannot be counted")
    if len(values) > kernel.size or (len(values) < kernel.size and not kernel.is_sparse):
        raise ValueError(f"a kernel {list(kernel.shape)} has {len(values)} values")
    return values


def _is_float(graph: Graph, operator: Operator) -> bool:
    operands = [index for index in operator.inputs + operator.outputs if index != ABSENT]
    return any(graph.tensors[index].type in {"FLOAT32", "FLOAT16"} for index in operands)
