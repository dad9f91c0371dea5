"""Record each epoch: a line of JSON for programs, scalars for TensorBoard."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import tensorflow as tf

from models.store.durable import replacing


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """The figures of one epoch.

    Attributes:
        epoch: counted from 1.
        num_steps_done: since the run began.
        lr: learning rate of the epoch's last step.
        train_loss: mean over the epoch's steps, labels smoothed, images augmented.
        train_accuracy: mean over the same steps, fraction in [0, 1].
        validation_loss: cross-entropy of the EMA of the weights on the validation images.
        validation_accuracy: of the EMA of the weights on the validation images, fraction in [0, 1].
        images_per_s: training throughput since this process began, evaluation included.
    """

    epoch: int
    num_steps_done: int
    lr: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    images_per_s: float

    @classmethod
    def from_json(cls, line: str) -> EpochRecord:
        """Read a line of `history.jsonl`, also of before there were three sets, when the test images had both parts."""
        return cls(**{name.replace("test_", "validation_"): value for name, value in json.loads(line).items()})


class History:
    """The records of a run in `history.jsonl`, and the same in `tensorboard/`."""

    def __init__(self, workdir: Path, *, num_steps_done: int) -> None:
        """Open the history of a run that resumes after `num_steps_done`, and drop later records."""
        self._path = workdir / "history.jsonl"
        self.records = [record for record in read_history(workdir) if record.num_steps_done <= num_steps_done]
        with replacing(self._path) as temporary:
            temporary.write_text("".join(_line(record) for record in self.records))
        self._board = tf.summary.create_file_writer(str(workdir / "tensorboard"))

    @property
    def best(self) -> EpochRecord:
        """The epoch of the highest validation accuracy; of several, that with the least loss."""
        return max(self.records, key=lambda record: (record.validation_accuracy, -record.validation_loss))

    def append(self, record: EpochRecord) -> None:
        """Add one epoch, on disk when this returns."""
        self.records.append(record)
        with self._path.open("a") as file:
            file.write(_line(record))
        with self._board.as_default(step=record.epoch):
            for name, value in asdict(record).items():
                tf.summary.scalar(name, value)
        self._board.flush()


def read_history(workdir: Path) -> list[EpochRecord]:
    """Read the records of a run, without a last line that a kill has cut short."""
    path = workdir / "history.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [EpochRecord.from_json(line) for line in lines if line.endswith("\n")]


def _line(record: EpochRecord) -> str:
    return json.dumps(asdict(record)) + "\n"
