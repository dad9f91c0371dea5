"""Keeps an int8 file's products from saturating on processors without VNNI.

There x86 multiplies by an instruction (VPMADDUBSW) that adds the products of unsigned and signed bytes by twos and
holds each sum to 16 bits: 255 * 100 + 255 * 60 is past the largest, 32,767. OpenVINO and ONNX Runtime compute with it,
LiteRT does not. Other toolkits keep all weights to 7 bits for that (ONNX Runtime's reduce_range, OpenVINO's overflow
fix), so that any two may be added. But what is added are neighbours: both libraries pack the weights of an output
channel by fours, in the order of input channels, so that the first is added to the second and the third to the fourth.
(An odd number of channels is filled up in one way of packing and not in the other: there all neighbours count.) So it
is enough that no two neighbours of one sign sum to more than 128, which costs a third of a bit in the place of a whole
one. A depthwise convolution adds no products of two channels, and is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from models.portable.description import packed, unpacked
from models.quiet_stderr import quiet_stderr
from models.runtime.tensors import Images

LARGEST_SUM = 128  # of two neighbours of one sign: 255 * 128 <= 32,767 < 255 * 129
SAME = 0.51  # of a step, that an int8 weight is at most from what it was rounded from

Weights = npt.NDArray[np.float64]

_ADDING = (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED)


def saturates(content: bytes) -> bool | None:
    """Tell whether a LiteRT file's products may saturate; None where it has no int8 kernel whose products are added."""
    model = unpacked(content)
    kernels = [_values(model, kernel) for _, kernel, _ in _layers(model) if kernel.type == schema.TensorType.INT8]
    return any(bool((sums_of_neighbours(kernel) > LARGEST_SUM).any()) for kernel in kernels) if kernels else None


def sums_of_neighbours(kernel: npt.NDArray[Any]) -> Weights:
    """Return the largest absolute sum of two neighbours of one sign, [M], in each channel of a kernel, [M, ..., N]."""
    weights = kernel.reshape(len(kernel), -1).astype(np.float64)
    step = 1 if kernel.shape[-1] % 2 else 2
    largest: Weights = np.zeros(len(weights))
    for ends in (np.maximum(weights, 0), np.maximum(-weights, 0)):
        largest = np.maximum(largest, np.max(ends[:, 1::step] + ends[:, :-1:step], axis=1, initial=0))
    return largest


def without_saturation(content: bytes, float_content: bytes = b"", images: Images = ()) -> bytes:
    """Round the kernels of an int8 LiteRT file anew, each output channel as finely as its neighbours allow.

    What rounding adds to the mean of an output channel is taken from its bias (arXiv:1906.04721, section 4.2).

    Args:
        content: of the file.
        float_content: of the float32 file of the same network, whose weights are then what is rounded; without it
            those of the file are rounded a second time.
        images: uint8 [H, W, 3] each, by which means are known; without them biases stay.

    Returns:
        The file; where products could saturate, with other weights, biases and scales.

    Raises:
        ValueError: `float_content` is of another network.
    """
    model, exact = unpacked(content), unpacked(float_content or content)
    means = mean_inputs(content, images)
    exact_kernels = [kernel for _, kernel, _ in _layers(exact)]
    for (place, kernel, bias), exact_kernel in zip(_layers(model), exact_kernels, strict=True):
        if kernel.type == schema.TensorType.INT8:
            steps = _steps(_values(exact, exact_kernel), kernel, _values(model, kernel))
            _round(model, kernel, bias, steps, means.get(place))
    return packed(model)


def mean_inputs(content: bytes, images: Images) -> dict[int, Weights]:
    """Return the mean of each input channel over images, in steps from its zero point, by the index of the tensor."""
    if not len(images):
        return {}
    model = unpacked(content)
    with quiet_stderr():
        interpreter = Interpreter(
            model_content=content,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
    interpreter.allocate_tensors()
    [image] = interpreter.get_input_details()
    tensors = {place: model.subgraphs[0].tensors[place] for place, kernel, _ in _layers(model)}
    sums: dict[int, Weights] = {place: np.zeros(1) for place in tensors}
    for pixels in images:
        interpreter.set_tensor(image["index"], pixels[None])
        interpreter.invoke()
        for place, tensor in tensors.items():
            values = interpreter.get_tensor(place).astype(np.float64) - int(tensor.quantization.zeroPoint[0])
            sums[place] = sums[place] + values.reshape(-1, values.shape[-1]).mean(axis=0)
    return {place: total / len(images) for place, total in sums.items()}


def _round(model: Any, kernel: Any, bias: Any, steps: Weights, mean_input: Weights | None) -> None:
    """Round a kernel that is given in its steps of before, and scale its bias alike."""
    sums = np.maximum(sums_of_neighbours(steps), sums_of_neighbours(_values(model, kernel)))
    # Both of two neighbours may be rounded up by a half.
    factors = np.where(sums > LARGEST_SUM, sums / (LARGEST_SUM - 1), 1)
    if len(kernel.quantization.scale) == 1:
        factors[:] = factors.max()
    along = factors.reshape(-1, *[1] * (steps.ndim - 1))
    rounded = np.rint(steps / along)
    if bias is not None:
        values = _values(model, bias).astype(np.float64)
        if mean_input is not None:
            added = (rounded * along - steps).reshape(len(steps), -1, steps.shape[-1]).sum(axis=1)
            values -= added @ mean_input
        _store(model, bias, np.rint(values / factors).astype(np.int32), factors)
    _store(model, kernel, rounded.astype(np.int8), factors)


def _steps(weights: npt.NDArray[Any], kernel: Any, rounded: npt.NDArray[np.int8]) -> Weights:
    """Return the weights that an int8 kernel was rounded from, in its steps."""
    if weights.dtype == np.int8 or not rounded.any():
        return rounded.astype(np.float64)
    scales = np.asarray(kernel.quantization.scale, np.float64)
    steps = weights / scales.reshape(-1, *[1] * (weights.ndim - 1))
    # The first kernel of a float32 file has the normalization in it, which divides by 64.
    steps *= np.exp2(np.rint(np.log2(np.abs(rounded).max() / np.abs(steps).max())))
    if steps.shape != rounded.shape or np.abs(steps - rounded).max() > SAME:
        raise ValueError(f"the files must be of one network: weights {list(rounded.shape)} of one are not the other's")
    return steps


def _layers(model: Any) -> Iterator[tuple[int, Any, Any]]:
    """Yield of each operator that adds products the index of its input, its kernel, and its bias if it has one."""
    graph = model.subgraphs[0]
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        # Codes up to 127 stand in the older field, larger ones in the newer.
        if max(code.builtinCode, code.deprecatedBuiltinCode) in _ADDING:
            _, kernel, *biases = (None if index < 0 else graph.tensors[index] for index in operator.inputs)
            yield operator.inputs[0], kernel, next(iter(biases), None)


def _values(model: Any, tensor: Any) -> npt.NDArray[Any]:
    """Return what a constant holds, as it is stored."""
    types: dict[int, Any] = {schema.TensorType.INT8: np.int8, schema.TensorType.INT32: np.int32}
    dtype = types.get(tensor.type, np.float32)
    return np.frombuffer(bytes(model.buffers[tensor.buffer].data), dtype).reshape(tensor.shape)


def _store(model: Any, tensor: Any, values: npt.NDArray[Any], factors: Weights) -> None:
    """Put other values in a constant, each channel with its scale times a factor."""
    if sum(other.buffer == tensor.buffer for other in model.subgraphs[0].tensors) > 1:
        tensor.buffer = len(model.buffers)
        model.buffers.append(schema.BufferT())
    model.buffers[tensor.buffer].data = np.frombuffer(values.tobytes(), np.uint8)
    scales = np.asarray(tensor.quantization.scale, np.float64)
    tensor.quantization.scale = (scales * factors[: len(scales)]).astype(np.float32)
