"""Read the graph in a `.tflite` file with LiteRT's schema: every index is checked, and nothing is run.

The schema's classes that unpack whole objects (`SubGraphT`) are not used: they read each table anew that a list names
again, so that a file of 8 kB whose lists name one table many times keeps them busy for 31 s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

ABSENT = -1  # in place of an optional input

_MAX_RANK, _MAX_OPERANDS = 8, 4096
_TYPES = {code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)}
_OPERATORS = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor.

    Attributes:
        shape: as the file was converted; the size of the batch is the first number of the graph's input.
        signature: the same with -1 for a size that may change.
        type: "INT8", "FLOAT32" and so on, as the schema has it.
        data: of a constant, its bytes as they are stored; None for what is computed.
        zero_points: int64, one for the tensor or one for each index of `quantized_dimension`; none if not quantized.
        quantized_dimension: of the zero points.
        is_sparse: whether `data` leaves out zeros.
    """

    shape: tuple[int, ...]
    signature: tuple[int, ...]
    type: str
    data: npt.NDArray[np.uint8] | None
    zero_points: npt.NDArray[np.int64]
    quantized_dimension: int
    is_sparse: bool

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Operator:
    """One step; `inputs` and `outputs` are indices of tensors, `ABSENT` for an optional input that is not there."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """What a file computes: `operators` in the order in which they run."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class _Broken(ValueError):
    """A file that contradicts itself; the message says how."""


def read_graph(content: bytes) -> Graph:
    """Read a LiteRT file of one subgraph.

    Raises:
        ValueError: these are not the bytes of one, or it is broken.
    """
    if content[4:8] != b"TFL3":
        raise ValueError("it is not a LiteRT file: bytes 4 to 8 are not TFL3")
    try:
        model = schema.Model.GetRootAs(content)
        if model.SubgraphsLength() != 1:
            raise _Broken(f"it must have one subgraph, got {model.SubgraphsLength()}")
        subgraph = model.Subgraphs(0)
        tensors = tuple(_tensor(model, subgraph.Tensors(index)) for index in range(subgraph.TensorsLength()))
        operators = tuple(
            _operator(model, subgraph.Operators(index), len(tensors)) for index in range(subgraph.OperatorsLength())
        )
        inputs, outputs = _operands(subgraph, len(tensors))
    except _Broken:
        raise
    # Reading past the end raises struct.error, ValueError, TypeError and more, as the broken byte has it.
    except Exception as error:
        raise ValueError("it is a broken LiteRT file: an offset in it leads astray") from error
    if not operators or not inputs or not outputs or ABSENT in inputs + outputs:
        raise ValueError("it must have operators, inputs and outputs")
    return Graph(tensors, operators, inputs, outputs)


def _operator(model: Any, operator: Any, num_tensors: int) -> Operator:
    if operator.OpcodeIndex() >= model.OperatorCodesLength():
        raise _Broken(f"an operator has code {operator.OpcodeIndex()} of {model.OperatorCodesLength()}")
    code = model.OperatorCodes(operator.OpcodeIndex())
    # Codes up to 127 stand in the older field, larger ones in the newer.
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name = _OPERATORS.get(number, f"OPERATOR {number}")
    if number == schema.BuiltinOperator.CUSTOM:
        name = f"CUSTOM {(code.CustomCode() or b'').decode('utf-8', 'replace')}".rstrip()
    return Operator(name, *_operands(operator, num_tensors))


def _operands(table: Any, num_tensors: int) -> list[tuple[int, ...]]:
    """Read the inputs and outputs of an operator or of a subgraph."""
    operands = [_numbers(vector, _MAX_OPERANDS) for vector in (table.InputsAsNumpy(), table.OutputsAsNumpy())]
    if any(not ABSENT <= index < num_tensors for indices in operands for index in indices):
        raise _Broken(f"a tensor's index is not among the {num_tensors} that there are")
    return operands


def _tensor(model: Any, tensor: Any) -> Tensor:
    shape = _numbers(tensor.ShapeAsNumpy(), _MAX_RANK)
    if min(shape, default=0) < 0 or tensor.Buffer() >= model.BuffersLength():
        raise _Broken(f"a tensor has shape {list(shape)} and buffer {tensor.Buffer()} of {model.BuffersLength()}")
    quantization = tensor.Quantization()
    data = model.Buffers(tensor.Buffer()).DataAsNumpy()
    zero_points = quantization.ZeroPointAsNumpy() if quantization else 0
    return Tensor(
        shape=shape,
        signature=_numbers(tensor.ShapeSignatureAsNumpy(), _MAX_RANK) or shape,
        type=_TYPES.get(tensor.Type(), f"TYPE {tensor.Type()}"),
        # The schema's readers give the number 0 for a vector that is not there.
        data=data if isinstance(data, np.ndarray) and data.size else None,
        zero_points=zero_points if isinstance(zero_points, np.ndarray) else np.zeros(0, np.int64),
        quantized_dimension=quantization.QuantizedDimension() if quantization else 0,
        is_sparse=tensor.Sparsity() is not None,
    )


def _numbers(vector: Any, max_length: int) -> tuple[int, ...]:
    if not isinstance(vector, np.ndarray):
        return ()
    if len(vector) > max_length:
        raise _Broken(f"a list of numbers has {len(vector)} entries; at most {max_length} are accepted")
    return tuple(vector.tolist())
