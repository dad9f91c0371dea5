"""Open the data of a run again, as the run was trained on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from training.data import load_dataset
from training.dataset import Dataset
from training.pixel_sets import pixel_folder
from training.run import Run, RunError


def load_data_of(run: Run, workdir: Path, path: Path | None = None) -> Dataset:
    """Load the data set of the run in `workdir`, from `path` where it has moved since.

    Raises:
        RunError: it is not what the run was trained on.
        DatasetError: it cannot be used.
    """
    reading = replace(run.config.reading, known=pixel_folder(workdir))
    data = load_dataset(path or Path(run.data), run.config.held_out, reading)
    if data.sha256 != run.data_sha256:
        raise RunError(f"{data.name} is not the data that {workdir} was trained on: its sha256 differs")
    return data
