"""Changes to a converted LiteRT graph that the converter has no option for."""

from __future__ import annotations

from typing import Any

from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils


def softmax_in_float(content: bytes) -> bytes:
    """Make the final softmax of a quantized classifier work on float32.

    The converter ends with int8 logits -> SOFTMAX (int8) -> DEQUANTIZE, whose probabilities are multiples of 1/256 that
    do not sum to 1. The two are exchanged, so that probabilities are as fine as the logits allow.

    Args:
        content: a LiteRT file.

    Returns:
        The changed file.

    Raises:
        ValueError: the graph does not end with SOFTMAX and DEQUANTIZE.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    names = [_operator(model, op) for op in graph.operators[-2:]]
    if names != [schema.BuiltinOperator.SOFTMAX, schema.BuiltinOperator.DEQUANTIZE]:
        raise ValueError("the graph must end with SOFTMAX and DEQUANTIZE")
    softmax, dequantize = graph.operators[-2:]
    logits, between, probabilities = softmax.inputs[0], softmax.outputs[0], dequantize.outputs[0]
    graph.tensors[between].type = schema.TensorType.FLOAT32
    graph.tensors[between].quantization = None
    dequantize.inputs, dequantize.outputs = [logits], [between]
    softmax.inputs, softmax.outputs = [between], [probabilities]
    graph.operators[-2:] = [dequantize, softmax]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _operator(model: Any, op: Any) -> int:
    code = model.operatorCodes[op.opcodeIndex]
    # Codes up to 127 stand in the older field, larger ones in the newer.
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))
