"""Adds tensors and operators to a LiteRT graph; what is there keeps its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from models.portable.description import packed, unpacked

DTYPES: dict[str, Any] = {
    "FLOAT32": np.float32,
    "FLOAT16": np.float16,
    "INT8": np.int8,
    "UINT8": np.uint8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "BOOL": np.bool_,
}
_TYPES: dict[int, str] = {code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)}
_OPERATORS: dict[int, str] = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)
}


class EditedGraph:
    """The one graph of a LiteRT file.

    Attributes:
        operators: in the order in which they run; the caller may change it.
        inputs: indices of tensors.
        outputs: indices of tensors.
    """

    def __init__(self, content: bytes) -> None:
        """Unpack a file that `checked_graph.read_graph` accepts."""
        self._model = unpacked(content)
        [self._graph] = self._model.subgraphs
        self.operators: list[Any] = list(self._graph.operators)
        self.inputs: list[int] = [int(index) for index in self._graph.inputs]
        self.outputs: list[int] = [int(index) for index in self._graph.outputs]

    def packed(self) -> bytes:
        """Return the file, without what it said of itself, and with names for its input and output."""
        self._graph.operators, self._graph.inputs, self._graph.outputs = self.operators, self.inputs, self.outputs
        # OpenVINO knows tensors by their names, and needs one of each.
        seen: set[str] = set()
        for index in dict.fromkeys([*self.inputs, *self.outputs, *range(len(self._graph.tensors))]):
            name = self.name(index)
            if not name or name in seen:
                self.rename(index, f"{name or 'tensor'}:{index}")
            seen.add(self.name(index))
        self._model.metadata = self._model.metadataBuffer = None
        signature = schema.SignatureDefT(signatureKey="serving_default")
        signature.inputs = [schema.TensorMapT(self.name(index), index) for index in self.inputs]
        signature.outputs = [schema.TensorMapT(self.name(index), index) for index in self.outputs]
        self._model.signatureDefs = [signature]
        return packed(self._model)

    def tensor(
        self,
        name: str,
        kind: str,
        shape: Sequence[int],
        *,
        quantization: tuple[float, int] | None = None,
        any_batch: bool = True,
    ) -> int:
        """Add a tensor that is computed; returns its index.

        Args:
            name: of the tensor.
            kind: "FLOAT32" and so on.
            shape: for a batch of 1.
            quantization: scale and zero point.
            any_batch: whether its first size is that of the batch.
        """
        tensor = schema.TensorT(list(shape), getattr(schema.TensorType, kind), name=name.encode())
        if any_batch:
            tensor.shapeSignature = [-1, *shape[1:]]
        if quantization:
            tensor.quantization = schema.QuantizationParametersT(scale=[quantization[0]], zeroPoint=[quantization[1]])
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def constant(self, name: str, values: npt.NDArray[Any]) -> int:
        """Add a constant; returns the index of its tensor."""
        kind = next(kind for kind, dtype in DTYPES.items() if dtype == values.dtype)
        index = self.tensor(name, kind, values.shape, any_batch=False)
        self._graph.tensors[index].buffer = len(self._model.buffers)
        self._model.buffers.append(schema.BufferT(np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)))
        return index

    def operator(self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None) -> Any:
        """Make an operator, which the caller puts into its place.

        Args:
            name: "SOFTMAX" and so on.
            inputs: indices of tensors.
            outputs: indices of tensors.
            options: of the schema's class for it.
        """
        made = schema.OperatorT(self._code(name), list(inputs), list(outputs))
        if options is not None:
            made.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
            made.builtinOptions = options
        return made

    def operator_name(self, operator: Any) -> str:
        """Return "SOFTMAX" and so on."""
        code = self._model.operatorCodes[operator.opcodeIndex]
        # Codes up to 127 stand in the older field, larger ones in the newer.
        return _OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def maker(self, index: int) -> Any:
        """Return the operator that computes a tensor; None for constants and inputs."""
        return next((each for each in self.operators if index in each.outputs), None)

    def name(self, index: int) -> str:
        """Return the name of a tensor."""
        return str((self._graph.tensors[index].name or b"").decode("utf-8", "replace"))

    def rename(self, index: int, name: str) -> None:
        """Give a tensor another name."""
        self._graph.tensors[index].name = name.encode()

    def kind(self, index: int) -> str:
        """Return the type of a tensor, "FLOAT32" and so on."""
        return _TYPES.get(self._graph.tensors[index].type, "?")

    def shape(self, index: int) -> tuple[int, ...]:
        """Return the shape of a tensor as it is stored."""
        shape = self._graph.tensors[index].shape
        return () if shape is None else tuple(int(size) for size in shape)

    def signature(self, index: int) -> tuple[int, ...]:
        """Return the shape of a tensor with -1 for sizes that may change."""
        signature = self._graph.tensors[index].shapeSignature
        return self.shape(index) if signature is None else tuple(int(size) for size in signature)

    def set_shape(self, index: int, shape: Sequence[int]) -> None:
        """Give a tensor a shape for a batch of 1, which may be of any size."""
        self._graph.tensors[index].shape = list(shape)
        self._graph.tensors[index].shapeSignature = [-1, *shape[1:]]

    def quantization(self, index: int) -> tuple[float, int] | None:
        """Return scale and zero point of a tensor that has one of each."""
        found = self._graph.tensors[index].quantization
        if found is None or found.scale is None or len(found.scale) != 1:
            return None
        return float(found.scale[0]), 0 if found.zeroPoint is None else int(found.zeroPoint[0])

    def data(self, index: int) -> npt.NDArray[Any] | None:
        """Return the values of a constant, as they are stored; None for what is computed."""
        tensor = self._graph.tensors[index]
        data = self._model.buffers[tensor.buffer].data
        if data is None or not len(data):
            return None
        return np.frombuffer(np.asarray(data, np.uint8).tobytes(), DTYPES.get(self.kind(index), np.uint8))

    def drop_unused(self) -> None:
        """Remove the operators that no output needs."""
        needed, kept = set(self.outputs), []
        for operator in reversed(self.operators):
            if needed & set(operator.outputs):
                needed |= set(operator.inputs)
                kept.append(operator)
        self.operators = kept[::-1]

    def depends_on_input(self) -> set[int]:
        """Return the tensors that are computed from an input."""
        found = set(self.inputs)
        for operator in self.operators:
            if found & set(operator.inputs):
                found |= {int(index) for index in operator.outputs}
        return found

    def _code(self, name: str) -> int:
        number = getattr(schema.BuiltinOperator, name)
        for index, code in enumerate(self._model.operatorCodes):
            if max(code.builtinCode, code.deprecatedBuiltinCode) == number:
                return index
        self._model.operatorCodes.append(schema.OperatorCodeT(min(number, 127), None, 1, number))
        return len(self._model.operatorCodes) - 1
