"""Load the test images of a report, split as in training, and note models that may have seen them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.checks import within
from optimize.report.compared import Compared
from training.data import load_dataset
from training.dataset import Dataset, HeldOut, Reading

DEFAULT_SPLIT = HeldOut(validation_fraction=0.0)  # only the test images are looked at


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
        ValueError: an artifact has other labels, or the fraction is none.
        DatasetError: the data cannot be used.
    """
    if test_fraction is not None:
        within("(0, 1)", test_fraction=test_fraction)
    trained = _split_in_training(artifacts[0]) if artifacts else DEFAULT_SPLIT
    data = load_dataset(
        path,
        replace(
            trained,
            test_fraction=trained.test_fraction if test_fraction is None else test_fraction,
            seed=trained.seed if seed is None else seed,
        ),
        Reading(**_known(artifacts[0], "max_image_pixels", "zip_encoding")) if artifacts else Reading(),
    )
    for artifact in artifacts:
        if artifact.labels != data.labels:
            raise ValueError(
                f"the labels of {artifact.name} are not those of {data.name}: "
                f"{_listed(artifact.labels or ())} against {_listed(data.labels)}"
            )
    return data


def notes(compared: Sequence[Compared], data: Dataset) -> Iterable[str]:
    """Name each model that may have been trained on the test images, and say why."""
    for model in compared:
        trained_on = model.provenance.get("dataset")
        sha256 = trained_on.get("sha256") if isinstance(trained_on, dict) else None
        trained = _split_in_training(model)
        if sha256 not in (None, data.sha256):
            yield f"{model.name} was trained on other data than {data.name}: its test images may have been seen."
        elif sha256 and data.held_out not in (None, trained):
            yield (
                f"{model.name} was trained with another split of {data.name} (test fraction {trained.test_fraction}, "
                f"seed {trained.seed}): its test images may have been seen."
            )
    if any(model.is_external for model in compared):
        yield "How the files from elsewhere were trained is not known: they may have seen the test images."


def _split_in_training(artifact: Compared) -> HeldOut:
    return replace(DEFAULT_SPLIT, **_known(artifact, "test_fraction", "seed"))


def _known(artifact: Compared, *names: str) -> dict[str, Any]:
    """Read some settings of the training, those that are known."""
    config = artifact.provenance.get("config")
    return {name: config[name] for name in names if name in config} if isinstance(config, dict) else {}


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels[:5]) + (", ..." if len(labels) > 5 else "")
