"""How fast memory grows: a regression line, and how sure that is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

BLOCKS = 20
STUDENT_99 = 2.552  # one-sided quantile of Student's t with BLOCKS - 2 degrees of freedom
MIN_SAMPLES = 5 * BLOCKS


@dataclass(frozen=True)
class Slope:
    """Of a line through values over time, per unit of time, with its standard error."""

    value: float
    standard_error: float

    @property
    def noise(self) -> float:
        """What a slope is not above by chance, in 99 cases of 100."""
        return STUDENT_99 * self.standard_error


def slope_of(times: Sequence[float], values: Sequence[float]) -> Slope | None:
    """Fit a line by least squares; None where there are too few samples to be sure of anything.

    Samples near each other in time are alike, which would make the standard error too small: the line goes through
    the means of so many blocks, which are not.
    """
    if len(times) < MIN_SAMPLES:
        return None
    edges = [len(times) * block // BLOCKS for block in range(BLOCKS + 1)]
    blocks = list(itertools.pairwise(edges))
    xs = [sum(times[start:end]) / (end - start) for start, end in blocks]
    ys = [sum(values[start:end]) / (end - start) for start, end in blocks]
    mean_x, mean_y = sum(xs) / BLOCKS, sum(ys) / BLOCKS
    spread = sum((x - mean_x) ** 2 for x in xs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    rest = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in zip(xs, ys, strict=True))
    return Slope(slope, math.sqrt(rest / (BLOCKS - 2) / spread))
