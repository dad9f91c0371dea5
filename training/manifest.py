"""Describe a run's measured file as a manifest does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from models.measuring.metrics import Metrics
from models.network.architectures import Architecture
from models.network.saturation import saturates
from models.store.manifest import Manifest, ModelFile
from training.architecture import architecture_of
from training.cross_validation import CrossValidation
from training.dataset import Dataset
from training.made_with import made_with
from training.measured import MeasuredFile
from training.run import Run

MODEL_FILE = "model.tflite"
PACKAGES = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "ai-edge-litert", "pillow", "numpy")


def manifest_of(
    measured: MeasuredFile,
    run: Run,
    data: Dataset,
    *,
    name: str,
    architecture: Architecture | None = None,
    other_metrics: Mapping[str, Metrics | CrossValidation],
    provenance: Mapping[str, Any],
) -> Manifest:
    """Make the manifest of a version whose number the repository chooses.

    Args:
        measured: the file.
        run: the run that made it.
        data: what it was trained and measured on.
        name: the model's name.
        architecture: the network's, where it is not that of the run's configuration.
        other_metrics: figures beside the file's own, by a name each.
        provenance: JSON, beside that of run and data.
    """
    return Manifest(
        name=name,
        version=1,
        architecture=(architecture or architecture_of(run.config, num_classes=len(run.labels))).to_dict(),
        labels=run.labels,
        pixels=run.config.pixels,
        provenance={**provenance_of(run, data), **provenance},
        **fields_of(measured, {key: figures.to_dict() for key, figures in other_metrics.items()}),
    )


def fields_of(measured: MeasuredFile, other_metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a manifest that a measured file fills, with JSON of further metrics beside its own."""
    may_saturate = saturates(measured.file.read_bytes()) if measured.precision == "int8" else None
    return {
        "formats": {"litert": ModelFile(MODEL_FILE, measured.precision, may_saturate)},
        "metrics": {**other_metrics, measured.precision: measured.to_dict()},
        "calibration": measured.calibration,
        "expected_answers": measured.expected_answers,
        "evaluation": measured.evaluation,
        "operating_curve": measured.operating_curve,
    }


def provenance_of(run: Run, data: Dataset) -> dict[str, Any]:
    """Say where a model comes from: its run, its data, and what both were made with."""
    return {
        "run": run.run_id,
        "command": run.command,
        "training_commands": list(run.commands),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "parent": run.parent,
        "compression": run.compression,
        "dataset": about_data(data),
        "config": run.config.to_dict(),
        **made_with(PACKAGES),
    }


def about_data(data: Dataset) -> dict[str, Any]:
    """Say which data it was, and how many images it had of each set."""
    return {
        "name": data.name,
        "sha256": data.sha256,
        "num_train": len(data.train),
        "num_validation": len(data.validation),
        "num_test": len(data.test),
        **({"sources": [asdict(source) for source in data.sources]} if data.sources else {}),
    }
