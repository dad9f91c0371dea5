"""The test images of a report: of the models' own classes, and none that they were trained on where that is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optimize.report.compared import Compared
from training.data import load_dataset
from training.dataset import Dataset

# As training has it by default (training.config, which takes TensorFlow to load).
DEFAULT_SPLIT: dict[str, Any] = {"test_fraction": 0.15, "seed": 0}


def load_data(
    path: Path, artifacts: Sequence[Compared], *, test_fraction: float | None = None, seed: int | None = None
) -> Dataset:
    """Open a data set, split as when the first artifact was trained, and compare its labels with all artifacts'.

    Args:
        path: see `training.data.load_dataset`.
        artifacts: that will be measured on it; maybe none.
        test_fraction: of data without a test set of its own; None for that of the training.
        seed: of that split; None for that of the training.

    Raises:
        ValueError: an artifact has other labels.
        DatasetError: the data cannot be used.
    """
    trained = _split_in_training(artifacts)
    data = load_dataset(
        path,
        test_fraction=trained["test_fraction"] if test_fraction is None else test_fraction,
        seed=trained["seed"] if seed is None else seed,
    )
    for artifact in artifacts:
        if artifact.labels != data.labels:
            raise ValueError(
                f"the labels of {artifact.name} are not those of {data.name}: "
                f"{_listed(artifact.labels or ())} against {_listed(data.labels)}"
            )
    return data


def _split_in_training(artifacts: Sequence[Compared]) -> dict[str, Any]:
    config = artifacts[0].provenance.get("config") if artifacts else None
    return DEFAULT_SPLIT | (config if isinstance(config, dict) else {})


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels[:5]) + (", ..." if len(labels) > 5 else "")
