"""Puts behind a foreign graph what makes of its output probabilities: float32 [N, C], whose rows sum to 1.

The last operator is a softmax in float32, whatever the graph ended with, so that a temperature has its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from models.importing.editing import EditedGraph
from models.importing.labels import BACKGROUND
from models.importing.refused import ForeignModelRefused

Kind = Literal["softmax", "sigmoid", "log", "probabilities", "logits"]

IMAGENET_CLASSES = 1000  # of which many networks know one more, the first: background
_PASSING_ON = ("RESHAPE", "SQUEEZE", "DEQUANTIZE", "QUANTIZE")
_NUMBERS = ("FLOAT32", "FLOAT16", "INT8", "UINT8")
_SUM_TOLERANCE = 0.03  # of probabilities in steps of 1/256
TINIEST = 1e-30


@dataclass(frozen=True, slots=True)
class ClassOutput:
    """What a graph gives.

    Attributes:
        index: of the tensor that is made probabilities of.
        num_outputs: numbers for each picture.
        cuts_first: whether the first one is of a background that no label names.
        drops_label: whether the first label is of a background that no output has.
        kind: what the numbers are; "logits" may be probabilities that something else than a softmax has made.
        beta: by which a softmax multiplies them.
    """

    index: int
    num_outputs: int
    cuts_first: bool
    drops_label: bool
    kind: Kind
    beta: float = 1.0

    def __str__(self) -> str:
        made_of = {
            "softmax": "probabilities of its softmax",
            "sigmoid": "one probability, of its sigmoid, for the second of two labels",
            "log": "logarithms of probabilities",
            "probabilities": "probabilities",
            "logits": "logits, behind which a softmax was put",
        }[self.kind]
        cut = ", the first of a background, which was cut off" if self.cuts_first else ""
        dropped = ", of which none is of the first label, background, which was left out" if self.drops_label else ""
        return f"{self.num_outputs} outputs{cut}{dropped}: {made_of}"


def class_output(graph: EditedGraph, labels: Sequence[str], *, has_background: bool) -> ClassOutput:
    """Find the output of a classifier.

    Args:
        graph: whose other outputs are forgotten.
        labels: of the classes.
        has_background: whether the first output is a background that no label names.

    Raises:
        ForeignModelRefused: no output fits the labels, or it gives a probability to each label on its own.
    """
    fitting = []
    for index in graph.outputs:
        num_outputs = math.prod(graph.shape(index)[1:]) if len(graph.shape(index)) > 1 else graph.shape(index)[0]
        if graph.kind(index) in _NUMBERS and (fit := fit_of(num_outputs, labels, has_background)) is not None:
            fitting.append((index, num_outputs, fit))
    if len(fitting) != 1:
        gives = ", ".join(f"{graph.kind(index).lower()} {list(graph.signature(index))}" for index in graph.outputs)
        refuse_outputs(gives, len(fitting), len(labels))
    [(index, num_outputs, (cuts_first, drops_label))] = fitting
    graph.outputs = [index]
    graph.drop_unused()
    kind, source, beta = made_by(graph, index, num_outputs)
    return ClassOutput(source, num_outputs, cuts_first, drops_label, kind, beta)


def refuse_outputs(gives: str, num_fitting: int, num_labels: int) -> NoReturn:
    """Refuse a network of which not one output fits the labels."""
    which = "of which none has" if not num_fitting else f"{num_fitting} of which have"
    raise ForeignModelRefused(
        f"it gives {gives[:300]}, {which} a number for each of {num_labels} labels; a classifier has one such "
        "output, of as many numbers as labels, or of one more where the first is a background (--background)"
    )


def refuse_sigmoids(num_outputs: int) -> NoReturn:
    """Refuse a network whose answers do not exclude each other."""
    raise ForeignModelRefused(
        f"it gives each of {num_outputs} labels a probability of its own (sigmoid), several of which may be high: "
        "a classifier here gives probabilities that sum to 1 (softmax), or one number for two labels"
    )


def fit_of(num_outputs: int, labels: Sequence[str], has_background: bool) -> tuple[bool, bool] | None:
    """Tell how outputs go with labels: whether the first output is cut off, and the first label left out."""
    num_labels = len(labels)
    if num_outputs == num_labels + 1 and (has_background or num_labels == IMAGENET_CLASSES):
        return True, False
    if has_background:
        return None
    if num_outputs == num_labels - 1 > 1 and labels[0].lower() == BACKGROUND:
        return False, True
    return (False, False) if num_outputs == num_labels or (num_outputs, num_labels) == (1, 2) else None


def made_by(graph: EditedGraph, output: int, num_outputs: int) -> tuple[Kind, int, float]:
    """Follow the output back to what made numbers of it; returns the tensor to go on from, and its softmax' factor."""
    made = graph.maker(output)
    while made is not None and graph.operator_name(made) in _PASSING_ON:
        made = graph.maker(int(made.inputs[0]))
    name = "" if made is None else graph.operator_name(made)
    if name == "SOFTMAX" and graph.shape(int(made.inputs[0]))[-1] == num_outputs:
        return "softmax", int(made.inputs[0]), float(made.builtinOptions.beta)
    if name == "LOGISTIC" and num_outputs == 1:
        return "sigmoid", int(made.inputs[0]), 1.0
    if name == "LOGISTIC":
        refuse_sigmoids(num_outputs)
    if num_outputs == 1:
        raise ForeignModelRefused("it gives one number for two labels, which must come from a sigmoid")
    return ("log", output, 1.0) if name == "LOG_SOFTMAX" else ("logits", output, 1.0)


def give_numbers(graph: EditedGraph, found: ClassOutput) -> int:
    """Let a graph give float32 [N, C], without a background's; returns the tensor."""
    current = found.index
    if graph.kind(current) != "FLOAT32":
        numbers = graph.tensor("classes/float", "FLOAT32", graph.shape(current))
        graph.operators.append(graph.operator("DEQUANTIZE", [current], [numbers], schema.DequantizeOptionsT()))
        current = numbers
    if len(graph.shape(current)) != 2:
        shape = np.array([-1, found.num_outputs], np.int32)
        rows = graph.tensor("classes/rows", "FLOAT32", (1, found.num_outputs))
        options = schema.ReshapeOptionsT(shape.tolist())
        reshape = graph.operator("RESHAPE", [current, graph.constant("classes/shape", shape)], [rows], options)
        graph.operators.append(reshape)
        current = rows
    if found.cuts_first:
        kept = graph.tensor("classes/kept", "FLOAT32", (1, found.num_outputs - 1))
        begin = graph.constant("classes/begin", np.array([0, 1], np.int32))
        size = graph.constant("classes/size", np.array([-1, found.num_outputs - 1], np.int32))
        graph.operators.append(graph.operator("SLICE", [current, begin, size], [kept], schema.SliceOptionsT()))
        current = kept
    graph.outputs = [current]
    graph.drop_unused()
    return current


def give_probabilities(graph: EditedGraph, found: ClassOutput) -> None:
    """Let a graph that `give_numbers` was called for end with a softmax."""
    [current] = graph.outputs
    num_classes = graph.shape(current)[-1]
    if found.kind == "sigmoid":  # sigmoid(x) is the second of softmax(0, x)
        num_classes = 2
        padding = graph.constant("classes/padding", np.array([[0, 0], [1, 0]], np.int32))
        both = graph.tensor("classes/both", "FLOAT32", (1, 2))
        graph.operators.append(graph.operator("PAD", [current, padding], [both], schema.PadOptionsT()))
        current = both
    if found.kind == "probabilities":  # softmax(log(p)) is p
        least = graph.constant("classes/least", np.array([TINIEST], np.float32))
        positive = graph.tensor("classes/positive", "FLOAT32", (1, num_classes))
        logarithms = graph.tensor("classes/log", "FLOAT32", (1, num_classes))
        options = schema.MaximumMinimumOptionsT()
        graph.operators.append(graph.operator("MAXIMUM", [current, least], [positive], options))
        graph.operators.append(graph.operator("LOG", [positive], [logarithms]))
        current = logarithms
    probabilities = graph.tensor("probabilities", "FLOAT32", (1, num_classes))
    graph.operators.append(graph.operator("SOFTMAX", [current], [probabilities], schema.SoftmaxOptionsT(found.beta)))
    graph.outputs = [probabilities]


def kind_of_numbers(numbers: npt.NDArray[np.float32]) -> Kind:
    """Tell logits from probabilities by answers to pictures, float32 [N, C].

    Raises:
        ForeignModelRefused: they are neither.
    """
    if not np.isfinite(numbers).all():
        raise ForeignModelRefused("it gives numbers that are not finite")
    is_in_range = numbers.min() >= -_SUM_TOLERANCE and numbers.max() <= 1 + _SUM_TOLERANCE
    if is_in_range and np.abs(numbers.sum(axis=1) - 1).max() <= _SUM_TOLERANCE:
        return "probabilities"
    if is_in_range and numbers.shape[1] > 1 and numbers.min() >= 0 and numbers.max() > 0:
        raise ForeignModelRefused(
            "it gives numbers from 0 to 1 that do not sum to 1, as a sigmoid for each label does: a classifier here "
            "gives probabilities that sum to 1, or logits"
        )
    return "logits"
