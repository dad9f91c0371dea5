"""Takes measurements in rounds, so that drifts of the machine meet everyone alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.checks import at_least

NUM_ROUNDS = 11


@dataclass(frozen=True, slots=True)
class Rounds:
    """A quantity's value in each round; equal indices of two quantities, measured together, are of the same round."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("rounds must be at least one, got none")

    @property
    def median(self) -> float:
        """Return the median of the rounds."""
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Return the lower and the upper quartile of the rounds."""
        low, high = np.percentile(self.values, [25, 75])
        return float(low), float(high)

    def over(self, baseline: Rounds) -> Rounds:
        """Divide by a baseline round by round, so that what the machine did to both cancels."""
        return Rounds(tuple(own / other for own, other in zip(self.values, baseline.values, strict=True)))


def interleave(
    quantities: Sequence[Mapping[str, Callable[[], float]]], *, num_rounds: int, seed: int
) -> list[dict[str, Rounds]]:
    """Measure every quantity of everyone in each round: quantity by quantity, everyone in an order drawn anew.

    Args:
        quantities: for each, what measures it, by name.
        num_rounds: at least 1.
        seed: of the orders.

    Returns:
        The rounds of each quantity, by name.
    """
    at_least(1, num_rounds=num_rounds)
    rng = np.random.default_rng(seed)
    measured: list[dict[str, list[float]]] = [{name: [] for name in measures} for measures in quantities]
    for _ in range(num_rounds):
        for measures, values in zip(quantities, measured, strict=True):
            names = list(measures)
            for index in rng.permutation(len(names)):
                values[names[index]].append(measures[names[index]]())
    return [{name: Rounds(tuple(each)) for name, each in values.items()} for values in measured]
