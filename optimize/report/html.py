"""Write a report as one HTML page that needs nothing else: plots, tables, operators, how it was measured."""

from __future__ import annotations

from pathlib import Path

from models.plural import how_many
from optimize.report import words
from optimize.report.columns import COLUMNS
from optimize.report.figures import Report
from optimize.report.plot import latency_plot, size_plot
from training.report.page import render

_MAX_CLASSES = 40  # on the page; all are in report.json
_FULL_POINTS = 8.0  # change of a class that has the strongest colour
_FULL_SHARE = 48  # percent of that colour


def html(report: Report) -> str:
    """Fill `page.html` in; the classes that lose most come first."""
    others = [row.changes.points_by_class for row in report.rows if row.name != report.baseline]
    worst_changes = [
        min((change for by_class in others if (change := by_class[index]) is not None), default=0.0)
        for index in range(len(report.labels))
    ]
    return render(
        Path(__file__).with_name("page.html"),
        report=report,
        title=f"{report.data_name}: {how_many(len(report.rows), 'model')} compared",
        columns=COLUMNS,
        classes=sorted(range(len(report.labels)), key=worst_changes.__getitem__)[:_MAX_CLASSES],
        on_gpu=[(row.name, words.gpu_cells(row.on_gpu)) for row in report.rows if row.on_gpu],
        share=lambda points: min(_FULL_SHARE, round(_FULL_SHARE * abs(points) / _FULL_POINTS)),
        latency_plot=latency_plot,
        size_plot=size_plot,
        words=words,
    )
