"""Word the facts that Markdown, page and plot state alike: operators, classes, how everything was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from models.plural import how_many
from models.report import percent
from optimize.cost.tflite_file import TFLiteFile
from optimize.published import OF_ZEROS, SPARSE
from optimize.report.columns import NONE, TIMES, points
from optimize.report.figures import Report
from optimize.report.on_gpu import OnGPU
from optimize.report.row import Row

FOR_GPUS = (
    "An artifact's other file answers the same test images through TensorFlow; both should give the same label for "
    "99 % of them, and differ by 0.3 points of top-1 at most."
)

GPU_HEADER = ("model", "for GPUs", "same label", "top-1 for CPUs", "top-1 for GPUs")


def gpu_cells(found: OnGPU) -> tuple[str, ...]:
    """Format the cells below `GPU_HEADER`, without the model's name."""
    agreement = found.agreement
    return found.precision, *map(percent, (agreement.labels, agreement.before.top1, agreement.after.top1))


def class_cell(report: Report, row: Row, index: int) -> str:
    """Format the baseline's accuracy on a class, or another's change; a dash if no test image is of it."""
    is_baseline = row.name == report.baseline
    figure = (row.accuracy.by_class if is_baseline else row.changes.points_by_class)[index]
    return NONE if figure is None else (percent if is_baseline else points)(figure)


def counted(name: str, count: int) -> str:
    """Format an operator's name, with its count if that is more than one."""
    return f"{name} {TIMES}{count}" if count > 1 else name


def operators(file: TFLiteFile) -> tuple[str, str]:
    """List a file's operators with their counts, and those that take or give floats."""
    floats = Counter(file.float_operators)
    is_all = len(file.float_operators) == sum(file.operators.values())
    return _counted(file.operators), "all" if is_all else _counted(floats) or "none"


def measurement(report: Report) -> list[tuple[str, str]]:
    """List how everything was measured: facts, each under a word or two."""
    machine = report.machine
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    return [
        (
            "accuracy",
            f"all of {how_many(report.num_images, 'test image')} of {report.data_name}, as encoded files, "
            f"through the preprocessing and "
            " the LiteRT runtime that serve",
        ),
        (
            "latency",
            f"all models loaded in one process; {how_many(report.num_rounds, 'round')}, each of which "
            f"times every model in an "
            "order drawn anew, for a tenth of a second or at least 5 calls. A round is the median of its calls, a "
            "figure the median of its rounds, a multiple the median of the multiples within each round",
        ),
        (
            "machine",
            f"{machine.cpu}, {how_many(machine.num_cores, 'core')} used, load {machine.load:g} when done, "
            f"{machine.system}",
        ),
        ("software", f"Python {machine.python}, {packages}"),
        ("data", f"{report.data_name}, sha256 {report.data_sha256}"),
        ("date", machine.date),
        *([("command", report.command)] if report.command else []),
    ]


def _counted(operators: Mapping[str, int]) -> str:
    return ", ".join(counted(name, count) for name, count in operators.items())


def about_zeros(rows: Sequence[Row]) -> list[str]:
    """Say of each model with many zeros how many, and what they are good for."""
    return [
        f"{row.name} has {100 * row.file.sparsity:.0f} % zeros. {OF_ZEROS}"
        for row in rows
        if row.file.sparsity >= SPARSE
    ]
