"""What the protocol tells of the server and its models."""

from __future__ import annotations

from typing import Any

from models.store.model_files import format_of
from server.engine.catalogue import Catalogue, ServedModel
from server.open_inference.datatypes import BYTES
from server.open_inference.images import ENCODED, PIXELS, PIXELS_DATATYPE
from server.open_inference.response import PROBABILITIES, PROBABILITIES_DATATYPE

SERVER = "opsin"
# By format, "<project>_<format>" as the protocol has it, which lists the last two and none for TensorFlow Lite.
PLATFORMS = {"litert": "tensorflow_lite", "tensorflow": "tensorflow_savedmodel", "onnx": "onnx_onnxv1"}
EXTENSIONS = ("binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics")


def server_metadata(version: str) -> dict[str, Any]:
    """Tell what the server is, and which extensions it has."""
    return {"name": SERVER, "version": version, "extensions": list(EXTENSIONS)}


def model_metadata(model: ServedModel, catalogue: Catalogue) -> dict[str, Any]:
    """Tell what a model takes and gives; of its inputs a request has one."""
    size = [model.pixels.height_px, model.pixels.width_px, 3]
    return {
        "name": model.name,
        "versions": [str(other.version) for other in catalogue.models if other.name == model.name],
        "platform": _platform(model, catalogue),
        "inputs": [
            {"name": PIXELS, "datatype": PIXELS_DATATYPE, "shape": [-1, *size]},
            {"name": ENCODED, "datatype": BYTES, "shape": [-1]},
        ],
        "outputs": [{"name": PROBABILITIES, "datatype": PROBABILITIES_DATATYPE, "shape": [-1, len(model.labels)]}],
    }


def model_config(
    model: ServedModel, catalogue: Catalogue, *, max_images: int, max_queue_delay_ms: int
) -> dict[str, Any]:
    """Tell a model's configuration as Triton would, to clients that send pixels."""
    size = [model.pixels.height_px, model.pixels.width_px, 3]
    return {
        "name": model.name,
        "platform": _platform(model, catalogue),
        "backend": catalogue.runtime_of(model),
        "max_batch_size": max_images,
        "input": [{"name": PIXELS, "data_type": "TYPE_UINT8", "format": "FORMAT_NHWC", "dims": size}],
        "output": [
            {
                "name": PROBABILITIES,
                "data_type": "TYPE_FP32",
                "dims": [len(model.labels)],
                "label_filename": "labels.txt",
            }
        ],
        "dynamic_batching": {"max_queue_delay_microseconds": 1000 * max_queue_delay_ms},
    }


def repository_index(catalogue: Catalogue, *, is_ready_only: bool = False) -> list[dict[str, str]]:
    """List the versions that are served, and unless only those are asked for, those that are not, with the reason."""
    ready = [
        {"name": model.name, "version": str(model.version), "state": "READY", "reason": ""}
        for model in catalogue.models
    ]
    refused = [
        {"name": each.name, "version": str(each.version or ""), "state": "UNAVAILABLE", "reason": each.reason}
        for each in (*catalogue.refused, *catalogue.unloaded)
    ]
    return ready if is_ready_only else ready + refused


def _platform(model: ServedModel, catalogue: Catalogue) -> str:
    return PLATFORMS[format_of(catalogue.runtime_of(model)).name]
