"""The row of one picture: its answer or its error, in the same columns whatever the file is written as."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from models.answers import can_be_unsure, read_probabilities
from models.errors import OpsinError
from models.runtime.tensors import Probabilities
from models.store.manifest import Manifest

RowFormat = Literal["csv", "jsonl"]
Row = list[Any]  # a cell for each column


@dataclass(frozen=True)
class Rows:
    """Writes the rows of a run.

    Attributes:
        manifest: of the model.
        top_k: labels of a picture; all where the model has fewer.
        coverage: in (0, 1), for the column of label sets; needs calibration.
        row_format: of a line.
    """

    manifest: Manifest
    top_k: int
    coverage: float | None
    row_format: RowFormat

    @cached_property
    def columns(self) -> dict[str, type]:
        """The names of the columns, in order, and what they hold; all but file, model and version may be empty."""
        columns: dict[str, type] = {"file": str}
        for suffix in [""] if self.top_k == 1 else [f"_{rank}" for rank in range(1, self.num_labels + 1)]:
            columns |= {f"label{suffix}": str, f"probability{suffix}": float}
        if can_be_unsure(self.manifest.labels, self.manifest.calibration):
            columns["unsure"] = bool
        if self.coverage is not None:
            columns["label_set"] = list
        return columns | {"error": str, "message": str, "model": str, "version": int}

    def head(self) -> str:
        """Return what stands above the rows."""
        return _csv_lines([list(self.columns)]) if self.row_format == "csv" else ""

    def answered(self, file: str, probabilities: Probabilities) -> Row:
        """Make the row of a picture from its probabilities, float32 [C]."""
        manifest = self.manifest
        prediction = read_probabilities(
            probabilities, manifest.labels, manifest.calibration, top_k=self.top_k, coverage=self.coverage
        )
        values: dict[str, Any] = {"file": file, "unsure": prediction.is_unsure}
        for rank, each in enumerate(prediction.top_k, start=1):
            suffix = "" if self.top_k == 1 else f"_{rank}"
            values |= {f"label{suffix}": each.label, f"probability{suffix}": each.probability}
        if prediction.label_set is not None:
            values["label_set"] = [each.label for each in prediction.label_set]
        return self._row(values)

    def refused(self, file: str, error: OpsinError) -> Row:
        """Make the row of a file that has no answer."""
        return self._row({"file": file, "error": error.code, "message": str(error)})

    def text(self, rows: Sequence[Row]) -> str:
        """Write rows as they stand in the file."""
        if self.row_format == "csv":
            return _csv_lines(rows)
        return "".join(f"{json.dumps(dict(zip(self.columns, row, strict=True)), ensure_ascii=False)}\n" for row in rows)

    @property
    def num_labels(self) -> int:
        """How many labels a row has."""
        return min(self.top_k, len(self.manifest.labels))

    def _row(self, values: dict[str, Any]) -> Row:
        known = {"model": self.manifest.name, "version": self.manifest.version, **values}
        return [known.get(name) for name in self.columns]


def _csv_lines(rows: Sequence[Row]) -> str:
    lines = io.StringIO()
    # What is no text or number is written as in JSON.
    csv.writer(lines, lineterminator="\n").writerows(
        [json.dumps(cell, ensure_ascii=False) if type(cell) in (bool, list) else cell for cell in row] for row in rows
    )
    return lines.getvalue()
