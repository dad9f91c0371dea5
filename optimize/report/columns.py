"""Define the columns of a report's table: a model's figure, and what it is against the baseline's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from models.report import percent, size
from optimize.published import OF_ZEROS
from optimize.report.row import Row

MINUS, TIMES, NONE = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}", "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        title: a word or two.
        meaning: what the figure is, with its unit.
        value: of a row.
        against: of a row and the baseline's: the difference or the multiple.
    """

    title: str
    meaning: str
    value: Callable[[Row], str]
    against: Callable[[Row, Row], str]


def points(difference: float) -> str:
    """Format a difference with its sign, such as +0.12; ±0 if it rounds to nothing."""
    text = f"{difference:+.2f}"
    return "±0" if float(text) == 0 else text.replace("-", MINUS)


def times(multiple: float | None) -> str:
    """Format a multiple with a multiplication sign, such as x0.43; a dash if there was nothing to divide by."""
    if multiple is None:
        return NONE
    return TIMES + (number(multiple) if multiple >= 10 else f"{multiple:.2f}" if multiple >= 0.1 else f"{multiple:.2g}")


def number(value: float) -> str:
    """Format a number with three significant digits: 0.0432, 0.931, 11.4, 2,140."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:#.3g}"


def count(value: int) -> str:
    """Format a count as 12, 272 k or 40.8 M."""
    if value < 1000:
        return str(value)
    scaled = float(value)
    for unit in ("k", "M", "G"):
        scaled /= 1000
        if scaled < 999.5:
            return f"{number(scaled)} {unit}"
    return f"{number(scaled / 1000)} T"


COLUMNS = (
    Column(
        "top-1",
        "Test images whose likeliest label is right; against the baseline in points; each with the 95 % interval that "
        "other test images could move it in.",
        lambda row: f"{percent(row.accuracy.metrics.top1)} [{row.accuracy.interval.in_percent()}]",
        lambda row, _: f"{points(row.changes.top1_points)} ± {row.changes.margin_points:.2f}",
    ),
    Column(
        "top-5",
        "Test images whose label is among the five likeliest, ties in its favour; difference in points.",
        lambda row: percent(row.accuracy.metrics.top5),
        lambda row, base: points(100 * (row.accuracy.metrics.top5 - base.accuracy.metrics.top5)),
    ),
    Column(
        "ECE",
        "Expected calibration error over 15 bins: by how much confidence differs from accuracy; difference in points.",
        lambda row: percent(row.accuracy.metrics.ece),
        lambda row, base: points(100 * (row.accuracy.metrics.ece - base.accuracy.metrics.ece)),
    ),
    Column(
        "agreement",
        f"Test images with the baseline's label, right or wrong; and how many became wrong ({MINUS}) and right (+). "
        "What is left to 100 % is the label churn.",
        lambda row: percent(row.changes.agreement),
        lambda row, _: f"{MINUS}{row.changes.num_broken} +{row.changes.num_fixed}",
    ),
    Column(
        "one core",
        "Latency of one image on one thread: from pixels in memory to probabilities in memory.",
        lambda row: f"{number(row.latency.one_core_ms)} ms",
        lambda row, _: times(row.relative.one_core_ms),
    ),
    Column(
        "all cores",
        "The same with as many threads as cores.",
        lambda row: f"{number(row.latency.all_cores_ms)} ms",
        lambda row, _: times(row.relative.all_cores_ms),
    ),
    Column(
        "throughput",
        "Images a second by one single-thread interpreter for each core, side by side, in batches of 4 (of 1 where the "
        "file takes no more).",
        lambda row: f"{number(row.latency.images_per_s)}/s",
        lambda row, _: times(row.relative.images_per_s),
    ),
    Column(
        "memory",
        "Growth of the resident memory of a fresh process by loading the file and running it once; LiteRT's own "
        "code is in it.",
        lambda row: size(row.latency.memory_bytes),
        lambda row, _: times(row.relative.memory_bytes),
    ),
    Column(
        "file", "Bytes of the file.", lambda row: size(row.file.num_bytes), lambda row, _: times(row.relative.num_bytes)
    ),
    Column(
        "gzip",
        "Bytes of the file after gzip at level 9.",
        lambda row: size(row.file.gzip_bytes),
        lambda row, _: times(row.relative.gzip_bytes),
    ),
    Column(
        "MACs",
        "Multiply-accumulates of convolutions and dense layers for one image.",
        lambda row: count(row.file.macs),
        lambda row, _: times(row.relative.macs),
    ),
    Column(
        "parameters",
        "Elements of kernels and biases, and of the constants of MUL and ADD.",
        lambda row: count(row.file.num_parameters),
        lambda row, _: times(row.relative.num_parameters),
    ),
    Column(
        "sparsity",
        f"Zeros among the elements of all kernels; difference in points. {OF_ZEROS}",
        lambda row: percent(row.file.sparsity),
        lambda row, base: points(100 * (row.file.sparsity - base.file.sparsity)),
    ),
)
