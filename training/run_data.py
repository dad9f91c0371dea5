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
    return load_same_data(path or Path(run.data), run, workdir, known=pixel_folder(workdir))


def load_same_data(path: Path, run: Run, trained: object, *, known: Path | None = None) -> Dataset:
    """Load a data set, and compare it with what a run was trained on.

    Args:
        path: where it lies today.
        run: the record of the run.
        trained: what was trained on it, for the error.
        known: folder that keeps what was found in photos; None for none.

    Raises:
        RunError: it is other data.
        DatasetError: it cannot be used.
    """
    data = load_dataset(path, run.config.held_out, replace(run.config.reading, known=known), old=run.old_path)
    if data.sha256 != run.data_sha256:
        raise RunError(f"{data.name} is not the data that {trained} was trained on: its sha256 differs")
    return data
