"""Changes the temperature in an ONNX file that an import has made."""

from __future__ import annotations

import onnx

from models.importing.onnx_output import with_beta
from models.portable.onnx_graph import OnnxGraph


def divided_onnx(content: bytes, factor: float) -> tuple[bytes, float]:
    """Have a file's softmax divide logits by a factor more; returns what they are divided by then, too."""
    graph = OnnxGraph(onnx.ModelProto.FromString(content))
    temperature = with_beta(graph, factor)
    return graph.packed(), round(temperature, 4)
