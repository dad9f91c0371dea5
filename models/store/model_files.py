"""The formats of model files: the device of each, its name in an artifact, and the runtimes that load it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from models.store.fields import validate_path, validate_text

Device = Literal["cpu", "gpu"]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file or folder that a runtime loads.

    Attributes:
        file: path in the artifact, of a file ("model.tflite") or of a folder ("saved_model").
        precision: of the weights, such as "int8", "float16", "float32".
        saturates: whether int8 products may, on processors without VNNI (`models.network.saturation`); None, and no
            field of manifest.json, where that is not known, or nothing is int8.
    """

    file: str
    precision: str
    saturates: bool | None = None

    def __post_init__(self) -> None:
        validate_path(self.file)
        validate_text(self.precision, "the precision of an engine")
        if not isinstance(self.saturates, bool | None):
            raise ValueError(f"whether an engine saturates must be true or false, got {self.saturates!r}")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Format:
    """One format of model files.

    Attributes:
        name: in manifest.json, which calls a format an engine.
        device: that runs it.
        exported: the file that `export` makes for the device.
        requirements: runtimes that load it, each with the name of its file in requirements/.
        added_by: how a version of a name, "{version}", gets such a file, in a sentence.
    """

    name: str
    device: Device
    exported: ModelFile
    requirements: Mapping[str, str]
    added_by: str


_BY_EXPORT = (
    "Where its training run is at hand, `python -m optimize export --for {device} {version} --workdir RUN` publishes a "
    "version that has both"
)
_LITERT = Format(
    "litert",
    "cpu",
    ModelFile("model.tflite", "int8"),
    {"litert": "serve", "openvino": "serve-openvino"},
    _BY_EXPORT.format(device="cpu", version="{version}"),
)
_TENSORFLOW = Format(
    "tensorflow",
    "gpu",
    ModelFile("saved_model", "float16"),
    {"tensorflow": "gpu"},
    _BY_EXPORT.format(device="gpu", version="{version}"),
)
_ONNX = Format(
    "onnx",
    "cpu",
    ModelFile("model.onnx", "int8"),
    {"onnxruntime": "serve-onnx"},
    "`python -m models publish ARTIFACT --onnx`, given the folder of {version}, publishes a version that has one",
)
# The first of a device is what `export` makes for it.
FORMATS: Mapping[str, Format] = {row.name: row for row in (_LITERT, _TENSORFLOW, _ONNX)}


def format_for(device: Device) -> Format:
    """Return the format that a device runs."""
    return next(row for row in FORMATS.values() if row.device == device)


def format_of(runtime: str) -> Format:
    """Return the format that a runtime loads."""
    return next(row for row in FORMATS.values() if runtime in row.requirements)
