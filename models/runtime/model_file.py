"""Loads a model file that is in no version, by the runtime that a version of it would have first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.errors import RuntimeMissing
from models.runtime import Runtime, RuntimeName

ONNX_SUFFIX = ".onnx"


def first_runtime(file: Path) -> RuntimeName:
    """Name what runs a file."""
    return "onnxruntime" if file.suffix == ONNX_SUFFIX else "litert"


def load_file(
    file: Path,
    *,
    input_shape: tuple[int, int, int],
    num_classes: int,
    num_threads: int = 1,
    runtime: RuntimeName | None = None,
) -> Runtime:
    """Load a `.tflite` or `.onnx` file on the CPU.

    Args:
        file: whose suffix tells its format.
        input_shape: height, width and channels that it must take, as uint8.
        num_classes: of the float32 probabilities that it must give.
        num_threads: that one call of `run` uses.
        runtime: None for the first that there is for the format.

    Raises:
        CorruptArtifact: the file cannot be loaded, or takes or gives something else.
        RuntimeMissing: ONNX Runtime is not installed.
    """
    options: dict[str, Any] = {"input_shape": input_shape, "num_classes": num_classes, "num_threads": num_threads}
    # Each library takes up to seconds.
    match runtime or first_runtime(file):
        case "onnxruntime":
            try:
                from models.runtime.onnxruntime import OnnxRuntime
            except ImportError as error:
                raise RuntimeMissing("ONNX Runtime is not installed; requirements/serve-onnx.txt has it") from error
            return OnnxRuntime(file, **options)
        case "openvino":
            from models.runtime.openvino import OpenVINORuntime

            return OpenVINORuntime(file, **options)
        case _:
            from models.runtime.litert import LiteRTRuntime

            return LiteRTRuntime(file, **options)
