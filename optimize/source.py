"""The finished run that a compression starts from: its record, data, model and what it published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tf_keras as keras

from training.data import load_dataset
from training.dataset import Dataset
from training.deliver import FLOAT32_FILE, Candidate, measure_file
from training.run import Run, RunError, load_model, published, read_run


@dataclass(frozen=True, slots=True)
class Source:
    """A finished run.

    Attributes:
        run: its record.
        data: the same data that it was trained on.
        model: float32 Keras model, from normalized pixels to logits.
        dense: its exported float32 file, measured again here so that before and after come from one machine.
        published: "name:version" of its artifact.
    """

    run: Run
    data: Dataset
    model: keras.Model
    dense: Candidate
    published: str

    @property
    def name(self) -> str:
        """The name that it was published under."""
        return self.published.partition(":")[0]


def open_source(workdir: Path, data_path: Path | None) -> Source:
    """Take up a finished run.

    Args:
        workdir: the run's folder.
        data_path: of its data, where that has moved since.

    Raises:
        RunError: the run is not there, not finished, or the data is not what it was trained on.
        DatasetError: the data cannot be used.
    """
    run, model = read_run(workdir), load_model(workdir)
    data = load_dataset(data_path or Path(run.data), test_fraction=run.config.test_fraction, seed=run.config.seed)
    if data.sha256 != run.data_sha256:
        raise RunError(f"{data.name} is not the data that {workdir} was trained on: its sha256 differs")
    dense = measure_file(workdir / FLOAT32_FILE, run, data, precision="float32")
    return Source(run, data, model, dense, published=published(workdir, "float32"))
