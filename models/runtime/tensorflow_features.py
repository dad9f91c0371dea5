"""Finds the classifier's head in a SavedModel, and has the model give the feature maps before it, too.

The function in the SavedModel is imported into another one that gives both; weights stay the variables that they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from models.explanation.classifier_head import ClassifierHead

PASSED = ("Identity", "Cast")
SCALED = ("RealDiv", "Mul")  # by the temperature


@dataclass(frozen=True, slots=True, eq=False)
class ExplainableFunction:
    """What a runtime calls in place of the SavedModel's signature.

    Attributes:
        head: what reads the feature maps.
        call: takes `image`; gives `probabilities` and `features`, [N, height, width, channels].
    """

    head: ClassifierHead
    call: Callable[..., Any]


@dataclass(frozen=True, slots=True, eq=False)
class _End:
    """Tensors at the end of a graph."""

    features: tf.Tensor
    weights: tf.Tensor
    bias: tf.Tensor
    probabilities: tf.Tensor


def explainable_function(saved_model: Any) -> ExplainableFunction | None:
    """Find the dense layer behind the global pooling; None where the network does not end so, or is not one of ours."""
    functions = getattr(getattr(saved_model, "serve", None), "concrete_functions", None)
    if not functions:
        return None
    function = functions[0]
    end = _end_of(function.graph)
    if end is None or None in (shape := end.features.shape[1:].as_list()):
        return None
    image = function.inputs[0]
    weights, bias = _imported(function, [end.weights, end.bias])(tf.zeros([1, *image.shape[1:]], image.dtype))
    head = ClassifierHead(
        tensor=-1,  # which a file alone has
        name=end.features.name,
        shape=tuple(shape),
        dtype="float32",
        scale=1.0,
        zero_point=0,
        weights=np.ascontiguousarray(weights.numpy().T, np.float32),
        weight_scales=np.ones((1, 1), np.float32),
        bias=bias.numpy().astype(np.float32),
    )
    both = _imported(function, [end.probabilities, end.features])
    signature = tf.TensorSpec(image.shape, image.dtype, name="image")

    @tf.function(input_signature=[signature], autograph=False)  # type: ignore[untyped-decorator]
    def call(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(zip(("probabilities", "features"), both(image), strict=True))

    return ExplainableFunction(head, call)


def _imported(function: Any, tensors: list[tf.Tensor]) -> Any:
    """Make a function that takes the images and gives other tensors of a function's graph."""
    graph_def, names = function.graph.as_graph_def(), [tensor.name for tensor in tensors]
    image, *captured = function.inputs

    def call(given: tf.Tensor) -> Any:
        handles = [tf.identity(handle) for handle in function.captured_inputs]  # a tensor of this graph, not a copy
        known = {tensor.name: handle for tensor, handle in zip(captured, handles, strict=True)}
        return tf.graph_util.import_graph_def(graph_def, {image.name: given, **known}, names, name="")

    return tf.function(call, autograph=False)


def _end_of(graph: Any) -> _End | None:
    softmax = next((each for each in reversed(graph.get_operations()) if each.type == "Softmax"), None)
    if softmax is None:
        return None
    added = _before(softmax.inputs[0], (*PASSED, *SCALED))
    if added.type not in ("BiasAdd", "AddV2"):
        return None
    product = _before(added.inputs[0], PASSED)
    if product.type != "MatMul" or product.get_attr("transpose_a") or product.get_attr("transpose_b"):
        return None
    pooling = _before(product.inputs[0], (*PASSED, "Reshape", "Squeeze"))
    if pooling.type != "Mean" or pooling.inputs[0].shape.rank != 4:
        return None
    axes = tf.get_static_value(pooling.inputs[1])
    if axes is None or sorted(np.ravel(axes).tolist()) != [1, 2]:
        return None
    return _End(pooling.inputs[0], product.inputs[1], added.inputs[1], softmax.outputs[0])


def _before(tensor: tf.Tensor, passed: tuple[str, ...]) -> Any:
    """Find the operation that gives a tensor, before those that are passed over."""
    operation = tensor.op
    while operation.type in passed and operation.inputs:
        operation = operation.inputs[0].op
    return operation
