"""Changes a converted LiteRT graph where the converter has no option for it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

INT8_MIN = -128


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


def relu_as_requantization(content: bytes) -> bytes:
    """Replace each RELU of an int8 file whose output begins at zero by QUANTIZE, which does the same.

    A value below zero is below the least that the output's type can hold, and QUANTIZE saturates. XNNPACK has a kernel
    for QUANTIZE and none for RELU on int8, which would run in the reference kernel and cut the graph in two: with it a
    folded ResNet-20 takes 2.0 ms, without 0.86 (docs/compression.md).

    Args:
        content: a LiteRT file.

    Returns:
        The changed file.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    relus = [
        op
        for op in graph.operators
        if _operator(model, op) == schema.BuiltinOperator.RELU
        and (output := graph.tensors[op.outputs[0]]).type == schema.TensorType.INT8
        and int(output.quantization.zeroPoint[0]) == INT8_MIN
    ]
    quantize = [
        index for index in range(len(model.operatorCodes)) if _code(model, index) == schema.BuiltinOperator.QUANTIZE
    ]
    if not relus or not quantize:
        return content
    for op in relus:
        op.opcodeIndex = quantize[0]
        op.builtinOptionsType, op.builtinOptions = schema.BuiltinOptions.QuantizeOptions, schema.QuantizeOptionsT()
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def with_temperature(content: bytes, temperature: float) -> bytes:
    """Have a classifier's logits divided by a temperature, as `beta` of its final softmax.

    So a file keeps every weight and every scale, whatever its precision, and is changed by four bytes.

    Args:
        content: a LiteRT file whose softmax is float32.
        temperature: > 0; it replaces the one that the file has.

    Raises:
        ValueError: the graph does not end with SOFTMAX.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    _final_softmax(model).builtinOptions.beta = 1.0 / temperature
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def temperature_of(content: bytes) -> float:
    """Return the temperature in a LiteRT file, with four decimals; 1 for none.

    Raises:
        ValueError: the graph does not end with SOFTMAX.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    return round(1.0 / float(_final_softmax(model).builtinOptions.beta), 4)


def with_short_names(content: bytes) -> bytes:
    """Name every tensor but inputs and outputs by its layer alone.

    The converter's names list each operation that was fused into the tensor: 7 KB for a ResNet-20.

    Args:
        content: a LiteRT file.

    Returns:
        The same network in fewer bytes.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    seen: Counter[str] = Counter()
    for index, tensor in enumerate(graph.tensors):
        if index not in {*graph.inputs, *graph.outputs}:
            # Of "model/conv1/BiasAdd;model/conv1/Conv2D": "conv1".
            scopes = tensor.name.decode().split(";")[0].split("/")
            layer = scopes[min(1, len(scopes) - 1)]
            seen[layer] += 1
            tensor.name = f"{layer}:{seen[layer]}" if seen[layer] > 1 else layer
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _final_softmax(model: Any) -> Any:
    op = model.subgraphs[0].operators[-1]
    if _operator(model, op) != schema.BuiltinOperator.SOFTMAX:
        raise ValueError("the graph must end with SOFTMAX")
    return op


def _operator(model: Any, op: Any) -> int:
    return _code(model, op.opcodeIndex)


def _code(model: Any, index: int) -> int:
    code = model.operatorCodes[index]
    # Codes up to 127 stand in the older field, larger ones in the newer.
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))
