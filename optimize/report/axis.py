"""The axis of a plot: which numbers it shows, and where a value lies on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_LOG_FROM = 4.0  # largest over smallest value
_LEAST_ROOM = 0.002  # of a value: smaller differences do not fill a plot
_STEPS = (1, 2, 2.5, 5, 10)
_FINE, _USUAL, _COARSE = (1, 1.5, 2, 3, 4, 5, 7), (1, 2, 5), (1,)


@dataclass(frozen=True, slots=True)
class Axis:
    """Values from `low` to `high`, linear or logarithmic.

    Attributes:
        low: at 0.
        high: at 1.
        is_log: whether equal distances are equal multiples.
        ticks: values within, ascending.
    """

    low: float
    high: float
    is_log: bool
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Where a value lies, 0 to 1 from `low` to `high`."""
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def linear_axis(
    values: Sequence[float],
    *,
    within: tuple[float, float] = (-math.inf, math.inf),
    margin: float = 0.08,
    num_ticks: int = 6,
) -> Axis:
    """An axis around values, with a margin at both ends as far as it stays `within` limits."""
    low, high = min(values), max(values)
    room = max(margin * (high - low), _LEAST_ROOM * abs(high)) or 1.0
    low, high = max(low - room, within[0]), min(high + room, within[1])
    return Axis(low, high, is_log=False, ticks=tuple(_linear_ticks(low, high, num_ticks)))


def cost_axis(values: Sequence[float], *, margin: float = 0.08, num_ticks: int = 6) -> Axis:
    """An axis around positive values; logarithmic where they differ by more than four times."""
    low, high = min(values), max(values)
    if high < _LOG_FROM * low:
        return linear_axis(values, margin=margin, num_ticks=num_ticks)
    room = (high / low) ** margin
    low, high = low / room, high * room
    return Axis(low, high, is_log=True, ticks=tuple(_log_ticks(low, high, num_ticks)))


def _linear_ticks(low: float, high: float, num_ticks: int) -> list[float]:
    raw = (high - low) / num_ticks
    power = 10 ** math.floor(math.log10(raw))
    step = next(step * power for step in _STEPS if step * power >= 0.75 * raw)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _log_ticks(low: float, high: float, num_ticks: int) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for mantissas in (_FINE, _USUAL, _COARSE):
        ticks = [mantissa * 10.0**power for power in powers for mantissa in mantissas]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= num_ticks:
            return ticks
    return ticks[:: math.ceil(len(ticks) / num_ticks)]
