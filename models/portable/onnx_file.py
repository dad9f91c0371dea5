"""Converts a LiteRT file to ONNX by tf2onnx, for ONNX Runtime; both are optional (requirements/onnx.in)."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.errors import ArtifactError, RuntimeMissing
from models.explanation.explainable_file import open_explainable
from models.portable.onnx_form import as_float32, as_unsigned
from models.portable.onnx_graph import OnnxGraph, attributes_of
from models.runtime.onnx_names import FEATURES, PRECISION

ONNX_FILE = "model.onnx"
IMAGE, PROBABILITIES = "image", "probabilities"
_OPSET = 17


def convert(model: Path, *, is_float32: bool = False) -> bytes:
    """Convert a LiteRT file of a batch of one to an ONNX file of any batch.

    It takes uint8 [N, H, W, 3] and gives float32 probabilities [N, C], and beside them its last feature maps,
    [N, channels, h, w], where the network ends in pooling and a layer.

    Args:
        model: the file.
        is_float32: undo the quantization of all but the weights, for GPUs.

    Raises:
        RuntimeMissing: tf2onnx is not installed.
        ArtifactError: it cannot convert the file.
    """
    try:
        import tf2onnx
    except ImportError as error:
        raise RuntimeMissing("tf2onnx is not installed; requirements/onnx.txt has it") from error
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        try:
            converted, _ = tf2onnx.convert.from_tflite(str(model), opset=_OPSET, output_path=str(file))
        except Exception as error:  # whatever an operator that it does not know comes to
            raise ArtifactError(f"tf2onnx cannot convert {model.name}: {error}"[:400]) from error
    graph = OnnxGraph(converted)
    put_temperature_before_softmax(graph)
    (as_float32 if is_float32 else as_unsigned)(graph)
    graph.free_batch()
    explainable = open_explainable(model)
    _name_tensors(graph, explainable.head.shape if explainable else None)
    if is_float32:
        converted.metadata_props.add(key=PRECISION, value="float32")
    return graph.packed()


def put_temperature_before_softmax(graph: OnnxGraph) -> None:
    """Mend what tf2onnx 1.17.0 does with beta, the inverse temperature: it multiplies probabilities, and not logits."""
    [softmax] = [node for node in graph.nodes if node.op_type == "Softmax"]
    after = [node for node in graph.readers(softmax.output[0]) if node.op_type == "Mul"]
    if not after:
        return
    [multiply] = after
    [beta] = [name for name in multiply.input if name != softmax.output[0]]
    logits, probabilities = softmax.input[0], multiply.output[0]
    multiply.input[:], multiply.output[:] = [logits, beta], [f"{logits}_scaled"]
    softmax.input[:], softmax.output[:] = [f"{logits}_scaled"], [probabilities]
    # In the order in which they run.
    graph.nodes = [*(node for node in graph.nodes if node not in (softmax, multiply)), multiply, softmax]


def _name_tensors(graph: OnnxGraph, feature_shape: Sequence[int] | None) -> None:
    """Call input and outputs what they are, and give the feature maps too, of height, width and channels."""
    taken, [given] = graph.image, graph.model.graph.output
    tensor_type = taken.type.tensor_type
    graph.read_instead(taken.name, IMAGE)
    sides = [each.dim_value for each in tensor_type.shape.dim[1:]]
    outputs: list[tuple[str, Sequence[int]]] = [
        (PROBABILITIES, [each.dim_value for each in given.type.tensor_type.shape.dim[1:]])
    ]
    graph.rename(given.name, PROBABILITIES)
    if feature_shape is not None:
        height, width, channels = feature_shape
        _give_features(graph)
        outputs.append((FEATURES, (channels, height, width)))
    graph.set_input(IMAGE, tensor_type.elem_type, sides)
    graph.set_outputs(outputs)


def _give_features(graph: OnnxGraph) -> None:
    """Give what the last pooling reads, with channels in front."""
    poolings = ("GlobalAveragePool", "ReduceMean")
    pooling = next((node for node in reversed(graph.nodes) if node.op_type in poolings), None)
    if pooling is None:
        raise ArtifactError("the ONNX file does not end in pooling and a layer, as the network does")
    is_channels_last = pooling.op_type == "ReduceMean" and sorted(_axes_of(graph, pooling)) == [1, 2]
    order = [0, 3, 1, 2] if is_channels_last else [0, 1, 2, 3]
    graph.nodes.append(graph.node("Transpose", [pooling.input[0]], FEATURES, perm=order))


def _axes_of(graph: OnnxGraph, pooling: Any) -> list[int]:
    axes = attributes_of(pooling).get("axes")
    found = graph.array(pooling.input[1]) if axes is None and len(pooling.input) > 1 else axes
    return [] if found is None else [int(axis) for axis in found]
