"""Percentiles, and the spread of repeated runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of them do not exceed (nearest rank): a value that occurred.

    Raises:
        ValueError: there are no values, or percent is not in (0, 100].
    """
    if not values or not 0 < percent <= 100:
        raise ValueError(f"percentile needs values and a percent in (0, 100], got {len(values)} values, {percent}")
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


@dataclass(frozen=True, slots=True)
class Spread:
    """What one quantity was in each run."""

    runs: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.runs:
            raise ValueError("a spread needs at least one run, got none")

    @property
    def median(self) -> float:
        """The middle run, or the mean of the two middle ones."""
        return statistics.median(self.runs)

    def __str__(self) -> str:
        count = len(self.runs)
        return f"{min(self.runs):.3g} .. {max(self.runs):.3g} ({count} run{'s' if count > 1 else ''})"


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Bound the median at 95 % by order statistics, whatever the distribution (binomial, by its normal limit)."""
    ordered, half_width = sorted(values), 1.96 * math.sqrt(len(values)) / 2
    low = max(0, math.floor(len(values) / 2 - half_width))
    high = min(len(values) - 1, math.ceil(len(values) / 2 + half_width))
    return ordered[low], ordered[high]
