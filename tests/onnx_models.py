"""Small ONNX classifiers, made as strangers make them: NCHW, float32, logits, unless told otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

KINDS = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8, "int8": TensorProto.INT8}
OPSET = 17


def model_of(
    nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], constants: dict[str, Any], **options: Any
) -> Any:
    """A model of nodes; constants are arrays."""
    initializers = [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()]
    graph = helper.make_graph(list(nodes), "network", list(inputs), list(outputs), initializers)
    opset = options.get("opset", OPSET)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=options.get("ir", 8))


def colour_classifier(
    *,
    shape: Sequence[int | str | None] = ("N", 3, 8, 8),
    kind: str = "float32",
    ends_with: str = "logits",
    num_outputs: int = 3,
    scale: float = 4.0,
    **options: Any,
) -> Any:
    """Says which of red, green and blue there is most of: a mean of each channel, times `scale`.

    Args:
        shape: of the input; channels are where 3 or 1 stands.
        kind: of the input.
        ends_with: "logits", "softmax", "log_softmax", "sigmoid" or "one" (a number of a sigmoid).
        num_outputs: further ones are of a background, in front, with small logits.
        scale: of the logits.
        options: of `model_of`.
    """
    nodes, image = [], "pixels"
    if kind != "float32":
        nodes.append(helper.make_node("Cast", [image], ["numbers"], to=TensorProto.FLOAT))
        image = "numbers"
    if shape[1] not in (1, 3):
        nodes.append(helper.make_node("Transpose", [image], ["planes"], perm=[0, 3, 1, 2]))
        image = "planes"
    num_channels = 3 if 3 in (shape[1], shape[-1]) else 1
    num_classes = 1 if ends_with == "one" else num_outputs
    weights = np.zeros((num_channels, num_classes), np.float32)
    bias = np.full(num_classes, -1 if num_classes > 1 else 0, np.float32)  # so that logits are no numbers from 0 to 1
    first = num_classes - 3
    for channel in range(num_channels):
        weights[channel, (first + channel) % num_classes] = scale
    bias[: max(0, first)] -= 2.0
    batch = shape[0] if isinstance(shape[0], int) else -1
    nodes += [
        helper.make_node("Relu", [image], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["means"]),
        helper.make_node("Reshape", ["means", "rows"], ["features"]),
        helper.make_node("Gemm", ["features", "weights", "bias"], ["logits"]),
    ]
    last = {"softmax": "Softmax", "log_softmax": "LogSoftmax", "sigmoid": "Sigmoid", "one": "Sigmoid"}.get(ends_with)
    if last:
        nodes.append(helper.make_node(last, ["logits"], ["answers"]))
    constants = {"rows": np.array([batch, num_channels], np.int64), "weights": weights, "bias": bias}
    return model_of(
        nodes,
        [helper.make_tensor_value_info("pixels", KINDS[kind], shape)],
        [helper.make_tensor_value_info("answers" if last else "logits", TensorProto.FLOAT, [shape[0], num_classes])],
        constants,
        **options,
    )


def served_classifier(height_px: int = 32, width_px: int = 32, num_classes: int = 10) -> bytes:
    """A file as a version has it: uint8 [N, H, W, 3] in, probabilities out; random weights."""
    random = np.random.default_rng(7)
    constants = {
        "scale": np.float32(1 / 64),
        "kernel": random.normal(size=(8, 3, 3, 3)).astype(np.float32),
        "weights": random.normal(size=(8, num_classes)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["numbers"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["planes", "scale"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "kernel"], ["maps"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["maps"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["means"]),
        helper.make_node("Flatten", ["means"], ["features_of_all"]),
        helper.make_node("MatMul", ["features_of_all", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    model = model_of(
        nodes,
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", height_px, width_px, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", num_classes])],
        constants,
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()
