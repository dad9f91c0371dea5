"""Finds the classifier's head in a LiteRT file, and makes the feature maps before it an output, in the bytes of a copy.

Field numbers and codes are those of TensorFlow Lite's schema (tensorflow/compiler/mlir/lite/schema/schema.fbs).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.explanation.classifier_head import ClassifierHead
from models.explanation.flatbuffer import UNREADABLE, Node

IDENTIFIER = b"TFL3"
AVERAGE_POOL_2D, DEQUANTIZE, FULLY_CONNECTED, RESHAPE, SOFTMAX, MEAN, SQUEEZE, QUANTIZE = 1, 6, 9, 22, 25, 40, 43, 114
TYPES = {0: "float32", 9: "int8"}
OUTPUT_BYTES = 32  # that `with_outputs` needs behind the file for two outputs

# Fields by their numbers.
_CODES, _SUBGRAPHS, _BUFFERS, _SIGNATURES = 1, 2, 4, 7  # of a model
_TENSORS, _OUTPUTS, _OPERATORS = 0, 2, 3  # of a subgraph
_SHAPE, _TYPE, _BUFFER, _NAME, _QUANTIZATION = 0, 1, 2, 3, 4  # of a tensor


@dataclass(frozen=True, slots=True)
class _Operator:
    code: int
    inputs: tuple[int, ...]
    output: int
    options: Node | None


class LiteRTGraph:
    """The first subgraph of a LiteRT file.

    Args:
        content: of the file; bytes, or what can be indexed like them.

    Raises:
        ValueError: it is none.
    """

    def __init__(self, content: Any) -> None:
        if bytes(content[4:8]) != IDENTIFIER:
            raise ValueError("it is not a LiteRT file: bytes 4 to 8 are not TFL3")
        try:
            self.model = Node.root(content)
            self.graph = self.model.tables(_SUBGRAPHS)[0]
            self._tensors = self.graph.tables(_TENSORS)
            # Codes up to 127 stand in the older field, larger ones in the newer.
            codes = [max(code.integer(0), code.integer(3, bits=32)) for code in self.model.tables(_CODES)]
            self._operators = [self._operator(node, codes) for node in self.graph.tables(_OPERATORS)]
        except UNREADABLE as error:
            raise ValueError("it is not a LiteRT file that can be read") from error

    def head(self) -> ClassifierHead | None:
        """Find the dense layer behind the global pooling; None where the network does not end so."""
        try:
            return self._head()
        except UNREADABLE:
            return None

    def outputs(self) -> list[int]:
        """List the tensors that it gives."""
        return [int(tensor) for tensor in self.graph.numbers(_OUTPUTS, np.int32)]

    def input_of(self, code: int) -> int | None:
        """Find the last operator of a code, and return its first input."""
        return next((operator.inputs[0] for operator in reversed(self._operators) if operator.code == code), None)

    def _head(self) -> ClassifierHead | None:
        dense = self._before(self.outputs()[0], {SOFTMAX, DEQUANTIZE})
        if dense is None or dense.code != FULLY_CONNECTED or dense.options is None or dense.options.integer(0):
            return None  # another end, or one with an activation, which is not linear
        pooling = self._before(dense.inputs[0], {RESHAPE, SQUEEZE, QUANTIZE})
        if pooling is None or not self._is_global(pooling):
            return None
        tensor = pooling.inputs[0]
        features, weights = self._tensors[tensor], self._tensors[dense.inputs[1]]
        kinds = [TYPES.get(each.integer(_TYPE)) for each in (features, weights)]
        shape = tuple(int(size) for size in features.numbers(_SHAPE, np.int32))[1:]
        num_classes, num_channels = (int(size) for size in weights.numbers(_SHAPE, np.int32))
        if None in kinds or len(shape) != 3 or shape[2] != num_channels:
            return None
        scales, zero_points = _quantization(features)
        weight_scales, _ = _quantization(weights)
        return ClassifierHead(
            tensor=tensor,
            name=features.text(_NAME),
            shape=shape,
            dtype=str(kinds[0]),
            scale=float(scales[0]),
            zero_point=int(zero_points[0]),
            weights=self._data(dense.inputs[1], str(kinds[1])).reshape(num_classes, num_channels),
            weight_scales=weight_scales.reshape(-1, 1),
            bias=self._bias(dense, num_classes, weight_scales),
            pooled_range=_range(self._tensors[dense.inputs[0]]),
        )

    def _bias(self, dense: _Operator, num_classes: int, weight_scales: Any) -> Any:
        if len(dense.inputs) < 3 or dense.inputs[2] < 0:
            return np.zeros(num_classes, np.float32)
        if TYPES.get(self._tensors[dense.inputs[2]].integer(_TYPE)) == "float32":
            return self._data(dense.inputs[2], "float32")
        scales, _ = _quantization(self._tensors[dense.inputs[0]])
        return self._data(dense.inputs[2], "int32") * (scales[0] * weight_scales)

    def _before(self, tensor: int, passed: set[int]) -> _Operator | None:
        """Find the operator that gives a tensor, before those that are passed over."""
        made_by = {operator.output: operator for operator in self._operators}
        for _ in self._operators:
            operator = made_by.get(tensor)
            if operator is None or operator.code not in passed:
                return operator
            tensor = operator.inputs[0]
        return None

    def _is_global(self, pooling: _Operator) -> bool:
        """Tell whether an operator is the mean over all places."""
        _, height, width, _ = (int(size) for size in self._tensors[pooling.inputs[0]].numbers(_SHAPE, np.int32))
        if pooling.code == MEAN:
            return sorted(self._data(pooling.inputs[1], "int32").tolist()) == [1, 2]
        if pooling.code != AVERAGE_POOL_2D or pooling.options is None or pooling.options.integer(5):
            return False
        window = (pooling.options.integer(4, bits=32), pooling.options.integer(3, bits=32))
        is_valid = pooling.options.integer(0) == 1  # padding
        return is_valid and window == (height, width)

    def _data(self, tensor: int, dtype: str) -> Any:
        buffers = self.model.tables(_BUFFERS)
        return buffers[self._tensors[tensor].integer(_BUFFER, bits=32)].numbers(0, np.uint8).view(dtype)

    @staticmethod
    def _operator(node: Node, codes: Sequence[int]) -> _Operator:
        inputs = tuple(int(tensor) for tensor in node.numbers(1, np.int32))
        return _Operator(codes[node.integer(0, bits=32)], inputs, int(node.numbers(2, np.int32)[0]), node.table(4))


def _quantization(tensor: Node) -> tuple[Any, Any]:
    """Return scales, float32, and zero points; 1 and 0 of a tensor that is not quantized."""
    node = tensor.table(_QUANTIZATION)
    scales = node.numbers(2, np.float32) if node else np.empty(0, np.float32)
    if node is None or not len(scales):
        return np.ones(1, np.float32), np.zeros(1, np.int64)
    return scales, node.numbers(3, np.int64)


def _range(tensor: Node) -> tuple[float, float]:
    """Return the least and the most that a tensor's numbers can stand for."""
    if TYPES.get(tensor.integer(_TYPE)) != "int8":
        return -math.inf, math.inf
    scales, zero_points = _quantization(tensor)
    least, most = (float(scales[0] * (number - zero_points[0])) for number in (-128, 127))
    return least, most


def with_outputs(memory: Any, num_bytes: int, tensors: Sequence[int]) -> int:
    """Have a LiteRT file give other tensors, and take its signatures away, which name only those that it gave.

    Nothing is moved: the list of outputs is written behind the file, where the graph then points.

    Args:
        memory: that holds the file and has OUTPUT_BYTES more, writable.
        num_bytes: of the file.
        tensors: at most five.

    Returns:
        The bytes that the file has then.
    """
    graph = LiteRTGraph(memory)
    start = -(-num_bytes // 4) * 4
    end = start + 4 * (len(tensors) + 1)
    struct.pack_into(f"<I{len(tensors)}i", memory, start, len(tensors), *tensors)
    struct.pack_into("<I", memory, end, 0)
    for field, target in ((graph.graph.position(_OUTPUTS), start), (graph.model.position(_SIGNATURES), end)):
        if field:
            struct.pack_into("<I", memory, field, target - field)  # offsets are from where they stand
    return end + 4
