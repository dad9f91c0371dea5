"""Makes of a foreign `.onnx` one that takes uint8 pixels and gives probabilities, and tries it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import TensorProto

from models.importing.class_output import kind_of_numbers
from models.importing.litert_file import Classifier, Wanted, try_out
from models.importing.onnx_check import check
from models.importing.onnx_input import onnx_image_input, take_pixels
from models.importing.onnx_output import give_numbers, give_probabilities, onnx_class_output
from models.importing.refused import ForeignModelRefused
from models.pixels.spec import PixelSpec
from models.portable.golden import fitted_pixels
from models.portable.onnx_file import IMAGE
from models.portable.onnx_graph import OnnxGraph
from models.portable.painting import PAINTED
from models.runtime.tensors import Images

MODEL_FORMAT = "onnx"
_QUIET = 4


def as_onnx_classifier(content: bytes, wanted: Wanted) -> Classifier:
    """Change a file so that it serves; weights stay bit for bit.

    Raises:
        ForeignModelRefused: it is broken, not accepted, or no classifier of pictures.
    """
    graph = OnnxGraph(check(content))
    precision = precision_of(graph)
    image = onnx_image_input(graph, wanted.size_px)
    take_pixels(graph, image, wanted.range)
    graph.free_batch()
    pixels = [fitted_pixels(name, PixelSpec(image.height_px, image.width_px)) for name in PAINTED]
    given = [each.name for each in graph.model.graph.output]
    answers = _run(graph, given, pixels[:1])
    shapes = {name: answer.shape for name, answer in zip(given, answers, strict=True) if answer.dtype.kind == "f"}
    found, source = onnx_class_output(graph, wanted.labels, shapes, has_background=wanted.has_background)
    numbers = give_numbers(graph, found, source)
    if found.kind == "logits":
        rows = [_run(graph, [numbers], [each])[0] for each in pixels]
        found = replace(found, kind=kind_of_numbers(np.concatenate(rows)))
    num_classes = give_probabilities(graph, found, numbers)
    made = graph.packed()
    try_out(made, pixels, num_classes=num_classes, model_format=MODEL_FORMAT)
    told = {"precision": precision, "took": str(image), "model_format": MODEL_FORMAT}
    return Classifier.of(made, image, found, num_classes=num_classes, **told)


def precision_of(graph: OnnxGraph) -> str:
    """Tell the precision of the weights, by which of their types most bytes are."""
    bytes_of = {"float32": 0, "float16": 0, "int8": 0}
    kinds = {TensorProto.FLOAT16: "float16", TensorProto.INT8: "int8", TensorProto.UINT8: "int8"}
    for constant in graph.constants.values():
        kind = kinds.get(constant.data_type, "float32")
        bytes_of[kind] += constant.ByteSize() * (4 if kind == "int8" else 1)  # their scales are float32
    return max(bytes_of, key=lambda kind: bytes_of[kind])


def _run(graph: OnnxGraph, outputs: Sequence[str], pixels: Images) -> list[Any]:
    """Have a graph give tensors for one picture, whichever they are."""
    model = type(graph.model).FromString(graph.packed())
    del model.graph.output[:]
    model.graph.output.extend(type(graph.image)(name=name) for name in outputs)
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = _QUIET, 1
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its classes are not documented
        raise ForeignModelRefused(f"ONNX Runtime cannot load it: {_told(error)}") from error
    try:
        found: list[Any] = session.run(list(outputs), {IMAGE: np.asarray(pixels)})
    except Exception as error:
        raise ForeignModelRefused(f"ONNX Runtime cannot run it: {_told(error)}") from error
    return found


def _told(error: Exception) -> str:
    """Return the first line of what ONNX Runtime says, without the place in its source."""
    line = next(iter(str(error).splitlines()), "")
    return line.rpartition(" : ")[2][:200] or type(error).__name__
