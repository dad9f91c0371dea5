"""Puts behind a foreign ONNX graph what makes of its output probabilities: float32 [N, C], whose rows sum to 1.

The last two operators are a multiplication by the inverse temperature and a softmax, whatever the graph ended with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

from models.importing.class_output import TINIEST, ClassOutput, Kind, fit_of, refuse_outputs, refuse_sigmoids
from models.importing.refused import ForeignModelRefused
from models.portable.onnx_file import PROBABILITIES
from models.portable.onnx_graph import OnnxGraph

BETA = "classes/beta"  # the constant that logits are multiplied by
_PASSING_ON = ("Cast", "DequantizeLinear", "Dropout", "Flatten", "Identity", "QuantizeLinear", "Reshape", "Squeeze")

Shapes = Mapping[str, Sequence[int]]


def onnx_class_output(
    graph: OnnxGraph, labels: Sequence[str], shapes: Shapes, *, has_background: bool
) -> tuple[ClassOutput, str]:
    """Find the output of a classifier; returns what it gives, and the tensor to go on from.

    Args:
        graph: the graph.
        labels: of the classes.
        shapes: of its outputs, as one picture has them.
        has_background: whether the first output is a background that no label names.

    Raises:
        ForeignModelRefused: no output fits the labels, or it gives a probability to each label on its own.
    """
    fitting = []
    for name, shape in shapes.items():
        num_outputs = math.prod(shape[1:]) if len(shape) > 1 else math.prod(shape)
        if (fit := fit_of(num_outputs, labels, has_background)) is not None:
            fitting.append((name, num_outputs, fit))
    if len(fitting) != 1:
        gives = ", ".join(f"{name.removeprefix('network/')[:60]} {list(shape)}" for name, shape in shapes.items())
        refuse_outputs(gives, len(fitting), len(labels))
    [(name, num_outputs, (cuts_first, drops_label))] = fitting
    kind, source = _made_by(graph, name, num_outputs)
    return ClassOutput(0, num_outputs, cuts_first, drops_label, kind), source


def _made_by(graph: OnnxGraph, output: str, num_outputs: int) -> tuple[Kind, str]:
    """Follow the output back to what made numbers of it; returns the tensor to go on from."""
    made = graph.maker(output)
    while made is not None and made.op_type in _PASSING_ON:
        made = graph.maker(made.input[0])
    name = "" if made is None else made.op_type
    if name == "Softmax":
        return "softmax", str(made.input[0])
    if name == "Sigmoid" and num_outputs == 1:
        return "sigmoid", str(made.input[0])
    if name == "Sigmoid":
        refuse_sigmoids(num_outputs)
    if num_outputs == 1:
        raise ForeignModelRefused("it gives one number for two labels, which must come from a sigmoid")
    return ("log", output) if name == "LogSoftmax" else ("logits", output)


def give_numbers(graph: OnnxGraph, found: ClassOutput, source: str) -> str:
    """Let a graph give float32 [N, C], without a background's; returns the tensor."""
    step = _steps(graph)
    current = step("Cast", source, to=TensorProto.FLOAT)
    shape = graph.constant("classes/shape", np.array([-1, found.num_outputs], np.int64))
    current = step("Reshape", current, shape)
    if found.cuts_first:
        kept = graph.constant("classes/kept", np.arange(1, found.num_outputs, dtype=np.int64))
        current = step("Gather", current, kept, axis=1)
    return current


def give_probabilities(graph: OnnxGraph, found: ClassOutput, numbers: str) -> int:
    """Let a graph that `give_numbers` was called for end with a softmax; returns how many classes there are."""
    step, current = _steps(graph), numbers
    num_classes = found.num_outputs - found.cuts_first
    if found.kind == "sigmoid":  # sigmoid(x) is the second of softmax(0, x)
        num_classes = 2
        nothing = step("Mul", current, graph.constant("classes/zero", np.zeros(1, np.float32)))
        current = step("Concat", nothing, current, axis=1)
    if found.kind == "probabilities":  # softmax(log(p)) is p
        current = step("Max", current, graph.constant("classes/least", np.array([TINIEST], np.float32)))
        current = step("Log", current)
    scaled = step("Mul", current, graph.constant(BETA, np.ones(1, np.float32)))
    graph.nodes.append(graph.node("Softmax", [scaled], PROBABILITIES, axis=1))
    graph.set_outputs([(PROBABILITIES, (num_classes,))])
    return num_classes


def with_beta(graph: OnnxGraph, factor: float) -> float:
    """Have the softmax divide logits by a factor more; returns what they are divided by then."""
    beta = np.float32(graph.array(BETA)[0] / factor)
    del graph.constants[BETA]
    graph.constant(BETA, np.array([beta], np.float32))
    return float(1 / beta)


def _steps(graph: OnnxGraph) -> Callable[..., str]:
    def step(operator: str, *inputs: str, **attributes: Any) -> str:
        output = graph.free_name(f"classes/{operator.lower()}")
        graph.nodes.append(graph.node(operator, inputs, output, **attributes))
        return output

    return step
