"""Measurements taken in rounds, so that what drifts on the machine meets everyone alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

NUM_ROUNDS = 11


@dataclass(frozen=True, slots=True)
class Rounds:
    """What one quantity was in each round; equal places in two of them, from one run, are of the same time."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("rounds must be at least one, got none")

    @property
    def median(self) -> float:
        """The middle round, or the mean of the two middle ones."""
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Between which the middle half of the rounds lies."""
        low, high = np.percentile(self.values, [25, 75])
        return float(low), float(high)

    def over(self, baseline: Rounds) -> Rounds:
        """As a multiple of the baseline, round by round: what the machine does to both falls out."""
        return Rounds(tuple(own / other for own, other in zip(self.values, baseline.values, strict=True)))


def interleave(
    quantities: Sequence[Mapping[str, Callable[[], float]]], *, num_rounds: int, seed: int
) -> list[dict[str, Rounds]]:
    """Measure every quantity of everyone in each round: one quantity at a time, everyone in an order drawn anew.

    Args:
        quantities: for each, what measures it, by name.
        num_rounds: at least 1.
        seed: of the orders.

    Returns:
        For each quantity its rounds, by name.
    """
    if num_rounds < 1:
        raise ValueError(f"num_rounds must be >= 1, got {num_rounds}")
    rng = np.random.default_rng(seed)
    found: list[dict[str, list[float]]] = [{name: [] for name in measures} for measures in quantities]
    for _ in range(num_rounds):
        for measures, values in zip(quantities, found, strict=True):
            names = list(measures)
            for index in rng.permutation(len(names)):
                values[names[index]].append(measures[names[index]]())
    return [{name: Rounds(tuple(each)) for name, each in values.items()} for values in found]
