"""Post-training quantization to int8, calibrated on training images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.export import Pixels, export_int8
from models.preprocessing import preprocess
from models.repository import Repository
from optimize.compressed import Compressed
from optimize.gate import check_accuracy
from optimize.source import open_source
from training.dataset import Dataset
from training.deliver import measure_file, publish
from training.run import Run

INT8_FILE = "int8.tflite"


def quantize(
    workdir: Path,
    *,
    repository: Repository,
    name: str | None = None,
    data_path: Path | None = None,
    num_calibration_images: int = 512,
    max_accuracy_drop: float = 0.5,
    command: str = "",
) -> Compressed:
    """Quantize the model of a finished run, measure it on the full test set and publish it.

    Args:
        workdir: the run's folder; takes int8.tflite.
        repository: to publish in.
        name: of the model there; None for the run's own.
        data_path: of the run's data, where that has moved.
        num_calibration_images: training images, drawn with the run's seed, that fix the ranges of the activations.
        max_accuracy_drop: points of top-1 accuracy that may be lost.
        command: as typed, for the manifest.

    Raises:
        AccuracyDropTooLarge: more is lost; nothing was published.
        RunError: the run cannot be used.
    """
    if num_calibration_images < 1:
        raise ValueError(f"num_calibration_images must be >= 1, got {num_calibration_images}")
    source = open_source(workdir, data_path)
    images = calibration_images(source.run, source.data, num_calibration_images)
    export_int8(source.model, workdir / INT8_FILE, images)
    candidate = measure_file(workdir / INT8_FILE, source.run, source.data, precision="int8")
    check_accuracy(source.dense.metrics, candidate.metrics, max_accuracy_drop=max_accuracy_drop)
    artifact = publish(
        candidate,
        source.run,
        source.data,
        workdir=workdir,
        repository=repository,
        name=name or source.name,
        other_metrics={"float32": source.dense.metrics},
        provenance={
            "command": command,
            "parent": source.published,
            "num_calibration_images": len(images),
        },
    )
    return Compressed(artifact, before=source.dense, after=candidate)


def calibration_images(run: Run, data: Dataset, num_images: int) -> list[Pixels]:
    """Training images as the server would see them, uint8 [H, W, 3] each, drawn without replacement."""
    rng = np.random.default_rng(run.config.seed)
    indices = rng.permutation(len(data.train))[:num_images]
    return [preprocess(data.train.read(int(index)), run.config.pixels) for index in indices]
