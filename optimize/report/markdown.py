"""Write a report as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from models.plural import how_many
from optimize.report.columns import COLUMNS
from optimize.report.figures import Report
from optimize.report.words import FOR_GPUS, GPU_HEADER, class_cell, gpu_cells, measurement, operators

_SPECIAL = str.maketrans({"<": "&lt;", "&": "&amp;", "\n": " "} | {sign: f"\\{sign}" for sign in "\\|`*_[]"})


def markdown(report: Report) -> str:
    """Write the whole report as Markdown; the plot is in report.svg."""
    names = [_text(row.name) for row in report.rows]
    figures, classes = [], []
    for name, row in zip(names, report.rows, strict=True):
        cells = [(column.value(row), report.against(column, row)) for column in COLUMNS]
        figures.append([name, *(f"{value} ({against})" if against else value for value, against in cells)])
    for index, label in enumerate(report.labels):
        classes.append([_text(label), *(class_cell(report, row, index) for row in report.rows)])
    parts = [
        f"# {_text(report.data_name)}: {how_many(len(report.rows), 'model')} compared",
        f"In brackets against {_text(report.baseline)}.",
        _table(["model", *(column.title for column in COLUMNS)], figures),
        "\n".join(f"- **{column.title}**: {column.meaning}" for column in COLUMNS),
        "## Accuracy by class",
        f"Test images of a class that are told right by {_text(report.baseline)}, and the change in points.",
        _table(["class", *names], classes),
    ]
    if for_gpus := [[_text(row.name), *gpu_cells(row.on_gpu)] for row in report.rows if row.on_gpu]:
        parts += ["## Files for GPUs", FOR_GPUS, _table(GPU_HEADER, for_gpus)]
    used = [[_text(row.name), *(_text(words) for words in operators(row.file))] for row in report.rows]
    parts += ["## Operators", _table(["model", "operators", "on floats"], used)]
    parts += ["## How it was measured"]
    parts += ["\n".join(f"- {_text(name)}: {_text(fact)}" for name, fact in measurement(report))]
    if report.notes:
        parts += ["## Notes", "\n".join(f"- {_text(note)}" for note in report.notes)]
    return "\n\n".join(parts) + "\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(text: str) -> str:
    return text.translate(_SPECIAL)
