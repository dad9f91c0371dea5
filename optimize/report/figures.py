"""Hold the figures of a report: a row for each model, and how they were measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from models.report import table
from optimize.report.columns import COLUMNS, Column
from optimize.report.machine import Machine
from optimize.report.pareto import frontier
from optimize.report.row import Row

_IN_SHORT = {"top-1", "agreement", "one core", "all cores", "file", "MACs"}


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison of models on the same images and the same machine.

    Attributes:
        rows: in the order asked for.
        baseline: name of the row that the others are compared with.
        labels: of the classes.
        data_name: of the data set.
        data_sha256: of it.
        machine: where and when.
        num_rounds: of the timing.
        command: as typed.
        notes: what else a reader must know.
    """

    rows: tuple[Row, ...]
    baseline: str
    labels: tuple[str, ...]
    data_name: str
    data_sha256: str
    machine: Machine
    num_rounds: int
    command: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """Lay the columns that fit a terminal out as a table."""
        columns = [column for column in COLUMNS if column.title in _IN_SHORT]
        rows = [
            [row.name, *(cell for column in columns for cell in (column.value(row), self.against(column, row)))]
            for row in self.rows
        ]
        return table(["model", *(title for column in columns for title in (column.title, ""))], rows)

    @property
    def base(self) -> Row:
        """The baseline's row."""
        return next(row for row in self.rows if row.name == self.baseline)

    def against(self, column: Column, row: Row) -> str:
        """Format a row's figure against the baseline's; empty for the baseline itself."""
        return "" if row.name == self.baseline else column.against(row, self.base)

    @property
    def num_images(self) -> int:
        """Number of test images that accuracy was measured on."""
        return self.rows[0].accuracy.metrics.num_images

    def frontier(self, cost: Callable[[Row], float]) -> list[str]:
        """Name the rows that no other beats in both top-1 accuracy and this cost, by rising cost."""
        return frontier({row.name: (cost(row), row.accuracy.metrics.top1) for row in self.rows})

    def to_dict(self) -> dict[str, Any]:
        """Convert to JSON: fractions in [0, 1], points in hundredths, ms, bytes; `_times` are multiples."""
        return {
            "baseline": self.baseline,
            "labels": list(self.labels),
            "data": {"name": self.data_name, "sha256": self.data_sha256, "num_test": self.num_images},
            "measured": {**asdict(self.machine), "num_rounds": self.num_rounds, "command": self.command},
            "notes": list(self.notes),
            "frontier": {
                "one_core_ms": self.frontier(lambda row: row.latency.one_core_ms),
                "all_cores_ms": self.frontier(lambda row: row.latency.all_cores_ms),
                "num_bytes": self.frontier(lambda row: row.file.num_bytes),
            },
            "models": [row.to_dict() for row in self.rows],
        }
