"""The manifest, which describes one version of a model and lists the sha256 of each of its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.errors import CorruptArtifact
from models.pixels.preprocessing import PixelSpec
from models.store.calibration import Calibration
from models.store.evaluation import Evaluation
from models.store.examples import Examples
from models.store.expected_answers import ExpectedAnswers
from models.store.fields import (
    MANIFEST_FILE,
    validate_files,
    validate_labels,
    validate_mapping,
    validate_name,
    validate_version,
)
from models.store.model_files import FORMATS, ModelFile
from models.store.operating_curve import OperatingCurve
from models.store.reference import ModelReference
from models.store.strict_json import parse_object, plain

__all__ = ["MANIFEST_FILE", "Manifest", "ModelFile", "decode", "encode", "validate_name"]

SCHEMA_VERSION = 1  # the JSON calls it format
MAX_MANIFEST_BYTES = 8 * 1024**2

# Fields that a version has only where they could be measured, in the order of manifest.json.
MEASURED: dict[str, Any] = {
    "calibration": Calibration,
    "expected_answers": ExpectedAnswers,
    "evaluation": Evaluation,
    "operating_curve": OperatingCurve,
    "examples": Examples,
}

_MAX_MESSAGE_CHARACTERS = 400


@dataclass(frozen=True)
class Manifest:
    """Description of one version of a model. It copies its arguments, so that later changes cannot reach it.

    Attributes:
        name: of the model: 1 to 64 of a-z 0-9 . _ - beginning with a letter or digit.
        version: >= 1; `Repository.publish` replaces it by the next free one.
        architecture: JSON, of `models.network.architectures`.
        labels: one per class, in the order of the probabilities; they may repeat, as two of ImageNet's do.
        pixels: how an upload becomes the model's input.
        formats: the model in at least one of `FORMATS`; manifest.json calls them engines.
        metrics: JSON, for instance {"int8": {"top1": 0.93}}; accuracies are fractions in [0, 1].
        provenance: JSON: the command, the data's sha256, whatever it takes to make the version again.
        files: relative POSIX path to lower-case sha256; filled in when the artifact is written.
        calibration: what the probabilities are worth; None, and no field of manifest.json, where it was not fitted.
        expected_answers: to the validation images; None, and no field, where there were none.
        evaluation: its answers to the test images, counted by class; None, and no field, where nobody counted.
        operating_curve: what accepting only sure answers would give, by the validation images; likewise.
        examples: training pictures that lie beside the model (`models.examples`); None, and no field, where none do.

    Raises:
        ValueError: a field is malformed; the message names the field and its value.
    """

    name: str
    version: int
    architecture: Mapping[str, Any]
    labels: tuple[str, ...]
    pixels: PixelSpec
    formats: Mapping[str, ModelFile]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    calibration: Calibration | None = None
    expected_answers: ExpectedAnswers | None = None
    evaluation: Evaluation | None = None
    operating_curve: OperatingCurve | None = None
    examples: Examples | None = None

    def __post_init__(self) -> None:
        validate_name(self.name)
        validate_version(self.version)
        if not isinstance(self.pixels, PixelSpec):
            raise ValueError(f"pixels must be a PixelSpec, got {type(self.pixels).__name__}")
        for key, kind in MEASURED.items():
            if not isinstance(value := getattr(self, key), kind | None):
                raise ValueError(f"{key} must be {kind.__name__} or None, got {type(value).__name__}")
        for key in ("architecture", "metrics", "provenance"):
            # Depth 2, as within manifest.json, so that what is written can be read.
            object.__setattr__(self, key, plain(validate_mapping(getattr(self, key), key), key, depth=2))
        object.__setattr__(self, "labels", validate_labels(self.labels))
        by_class = {
            "expected_answers.classes": self.expected_answers.classes if self.expected_answers else None,
            "evaluation.num_images": self.evaluation.num_images if self.evaluation else None,
            "operating_curve.num_images": self.operating_curve.num_images if self.operating_curve else None,
        }
        for key, counts in by_class.items():
            if counts is not None and len(counts) != len(self.labels):
                raise ValueError(f"{key} must have a number for each of {len(self.labels)} labels, got {len(counts)}")
        formats = validate_mapping(self.formats, "engines")
        if not formats or not formats.keys() <= FORMATS.keys():
            known = ", ".join(FORMATS)
            raise ValueError(f"engines must have at least one of {known} and no other, got {sorted(formats)}")
        for name, file in formats.items():
            if not isinstance(file, ModelFile):
                raise ValueError(f"engine {name!r} must be a ModelFile, got {type(file).__name__}")
        object.__setattr__(self, "formats", dict(sorted(formats.items())))
        object.__setattr__(self, "files", validate_files(self.files))

    @property
    def reference(self) -> ModelReference:
        """The name of this version."""
        return ModelReference(self.name, self.version)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, in the order of manifest.json, without its sha256; the caller may change it."""
        shape = [-1, self.pixels.height_px, self.pixels.width_px, 3]
        return {
            "format": SCHEMA_VERSION,
            "name": self.name,
            "version": self.version,
            "architecture": plain(self.architecture, "architecture", depth=2),
            "labels": list(self.labels),
            "pixels": self.pixels.to_dict(),
            "input": {"name": "image", "dtype": "uint8", "shape": shape},
            "outputs": [{"name": "probabilities", "dtype": "float32", "shape": [-1, len(self.labels)]}],
            "engines": {name: file.to_dict() for name, file in self.formats.items()},
            **{key: value.to_dict() for key in MEASURED if (value := getattr(self, key))},
            "metrics": plain(self.metrics, "metrics", depth=2),
            "provenance": plain(self.provenance, "provenance", depth=2),
            "files": dict(self.files),
        }


def encode(manifest: Manifest) -> bytes:
    """Write the bytes of manifest.json; equal manifests give equal bytes, and the last field is their sha256.

    Raises:
        ValueError: a model file is not among `files`, or the bytes exceed MAX_MANIFEST_BYTES.
    """
    for name, model in manifest.formats.items():
        if not any(path == model.file or path.startswith(f"{model.file}/") for path in manifest.files):
            raise ValueError(f"the engine {name} needs {model.file!r}, which is not among the files of the artifact")
    record = manifest.to_dict()
    record["sha256"] = hashlib.sha256(_dump(record)).hexdigest()
    data = _dump(record)
    if len(data) > MAX_MANIFEST_BYTES:
        raise ValueError(f"{MANIFEST_FILE} must be at most {MAX_MANIFEST_BYTES} bytes, got {len(data)}")
    return data


def decode(data: bytes) -> Manifest:
    """Read the bytes of manifest.json.

    Raises:
        CorruptArtifact: any byte differs from what `encode` wrote.
    """
    try:
        record = parse_object(data, MANIFEST_FILE, max_bytes=MAX_MANIFEST_BYTES)
        if record.get("format") != SCHEMA_VERSION:
            raise ValueError(
                f"{MANIFEST_FILE} has format {record.get('format')!r}; this program reads format {SCHEMA_VERSION}"
            )
        keys = ("name", "version", "architecture", "labels", "pixels", "engines", "metrics", "provenance", "files")
        if missing := [key for key in keys if key not in record]:
            raise ValueError(f"{MANIFEST_FILE} lacks the field {missing[0]!r}")
        fields = {key: record[key] for key in keys}
        fields["pixels"] = PixelSpec.from_dict(validate_mapping(record["pixels"], "pixels"))
        fields["formats"] = {}
        for name, engine in validate_mapping(fields.pop("engines"), "engines").items():
            if validate_mapping(engine, f"engine {name!r}").keys() - {"saturates"} != {"file", "precision"}:
                raise ValueError(f"engine {name!r} must have the fields file and precision, got {sorted(engine)}")
            fields["formats"][name] = ModelFile(**engine)
        for key, kind in MEASURED.items():
            if key in record:
                fields[key] = kind.from_dict(validate_mapping(record[key], key))
        manifest = Manifest(**fields)
        if encode(manifest) != data:
            raise ValueError(f"{MANIFEST_FILE} has changed since it was written")
    except ValueError as error:
        raise CorruptArtifact(str(error)[:_MAX_MESSAGE_CHARACTERS]) from error
    return manifest


def _dump(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
