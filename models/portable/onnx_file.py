"""Converts a LiteRT file to ONNX by tf2onnx, and runs it by ONNX Runtime; both are optional (requirements/onnx.in)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ArtifactError, CorruptArtifact, RuntimeMissing
from models.runtime.tensors import Images, Probabilities

ONNX_FILE = "model.onnx"
_OPSET = 17


class OnnxRuntime:
    """An ONNX file that takes one picture, uint8 [1, H, W, 3], in ONNX Runtime."""

    def __init__(self, path: Path, *, num_threads: int = 0) -> None:
        """Load the file, to be run by so many threads, or by all cores.

        Raises:
            RuntimeMissing: ONNX Runtime is not installed.
            CorruptArtifact: it cannot load the file.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise RuntimeMissing("ONNX Runtime is not installed; requirements/onnx.txt has it") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its classes are not documented
            raise CorruptArtifact(f"{path.name} cannot be loaded by ONNX Runtime") from error
        [self._input] = [each.name for each in self._session.get_inputs()]

    def run(self, images: Images) -> Probabilities:
        """Classify images one by one; returns float32 [N, C]."""
        rows = [self._session.run(None, {self._input: np.asarray(image)[None]})[0] for image in images]
        return np.concatenate(rows)

    def close(self) -> None:
        """Free the model."""
        self.__dict__.pop("_session", None)


def convert(model: Path) -> bytes:
    """Convert a LiteRT file of a batch of one.

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
    put_temperature_before_softmax(converted.graph)
    content: bytes = converted.SerializeToString()
    return content


def put_temperature_before_softmax(graph: Any) -> None:
    """Mend what tf2onnx 1.17.0 does with beta, the inverse temperature: it multiplies probabilities, and not logits."""
    [softmax] = [node for node in graph.node if node.op_type == "Softmax"]
    after = [node for node in graph.node if node.op_type == "Mul" and softmax.output[0] in node.input]
    if not after:
        return
    [multiply] = after
    [beta] = [name for name in multiply.input if name != softmax.output[0]]
    logits, probabilities = softmax.input[0], multiply.output[0]
    multiply.input[:], multiply.output[:] = [logits, beta], [f"{logits}_scaled"]
    softmax.input[:], softmax.output[:] = [f"{logits}_scaled"], [probabilities]
    # In the order in which they run.
    nodes = [*(node for node in graph.node if node not in (softmax, multiply)), multiply, softmax]
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
