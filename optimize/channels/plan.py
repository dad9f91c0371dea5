"""Plans which channels to remove for a budget of multiply-accumulates: those that matter least for their cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from optimize.channels.groups import ChannelGroup, LayerCost, count_macs

Importance = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]


class BudgetOutOfReach(ValueError):
    """No more channels may be removed, and the budget is not met; the message says how much can be removed."""


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """The channels that stay.

    Attributes:
        kept: indices of the channels of each group, ascending.
        macs: multiply-accumulates for one image that are left.
    """

    kept: Mapping[str, Indices]
    macs: int


class _Group:
    """A group while its channels are removed, the least important first."""

    def __init__(self, name: str, importance: Importance) -> None:
        self.name = name
        self.order: Indices = np.argsort(importance, kind="stable")
        lost = np.cumsum(importance[self.order], dtype=np.float64)
        self.lost = np.concatenate([[0.0], lost])  # importance of the first n channels, together
        self.steps: list[int] = []  # numbers of channels removed

    @property
    def num_removed(self) -> int:
        return sum(self.steps)

    @property
    def width(self) -> int:
        return len(self.order) - self.num_removed

    def next_step(self, multiple_of: int, min_kept: float) -> int:
        """Return how many channels go next; 0 if no more may."""
        width = (self.width - 1) // multiple_of * multiple_of
        return self.width - width if width >= max(multiple_of, min_kept * len(self.order)) else 0


def plan_channels(
    groups: Sequence[ChannelGroup],
    costs: tuple[LayerCost, ...],
    importance: Mapping[str, Importance],
    *,
    max_macs: float,
    multiple_of: int = 8,
    min_kept: float = 0.25,
    with_streams: bool = True,
) -> ChannelPlan:
    """Remove the steps that cost least importance per multiply-accumulate saved, until the budget is met.

    What the last steps saved beyond the budget is spent again: of the channels removed last in each group, those that
    matter most for their cost come back, as long as the budget has room for them.

    Every step leaves a multiple of `multiple_of` channels in its group, which kernels are made for; what a step saves
    follows from the widths that all groups have by then.

    Args:
        groups: of the model, see `channel_groups`.
        costs: of the model's layers, see `layer_costs`.
        importance: of each channel of each group, >= 0; comparable between groups.
        max_macs: multiply-accumulates for one image that may be left.
        multiple_of: channels.
        min_kept: part of its channels that each group keeps at least, in (0, 1].
        with_streams: remove channels of the residual stream too.

    Raises:
        BudgetOutOfReach: it cannot be met so.
    """
    states = {group.name: _Group(group.name, importance[group.name]) for group in groups}
    fixed = {group.name for group in groups if group.is_stream and not with_streams}
    dense_macs = macs = count_macs(costs, _widths(states))
    while macs > max_macs:
        steps = [
            (*_price(state, step, states, costs, macs), state, step)
            for state in states.values()
            if state.name not in fixed and (step := state.next_step(multiple_of, min_kept))
        ]
        if not steps:
            raise BudgetOutOfReach(f"at most {1 - macs / dense_macs:.0%} of the multiply-accumulates can be removed")
        _, macs, state, step = min(steps, key=lambda priced: priced[0])
        state.steps.append(step)
    macs = _restore_channels(states, costs, macs, max_macs)
    kept = {state.name: np.sort(state.order[state.num_removed :]) for state in states.values()}
    return ChannelPlan(kept, macs)


def _price(
    state: _Group, step: int, states: Mapping[str, _Group], costs: tuple[LayerCost, ...], macs: int
) -> tuple[float, int]:
    """Return the importance per multiply-accumulate of a step, and what is left after it; a negative step is undone."""
    left = count_macs(costs, {**_widths(states), state.name: state.width - step})
    lost = state.lost[state.num_removed + step] - state.lost[state.num_removed]
    return float(lost) / (macs - left), left


def _restore_channels(states: Mapping[str, _Group], costs: tuple[LayerCost, ...], macs: int, max_macs: float) -> int:
    """Undo last steps while the budget allows it; returns the multiply-accumulates of what is left."""
    while True:
        steps = [
            (*price, state)
            for state in states.values()
            if state.steps and (price := _price(state, -state.steps[-1], states, costs, macs))[1] <= max_macs
        ]
        if not steps:
            return macs
        _, macs, state = max(steps, key=lambda priced: priced[0])
        state.steps.pop()


def _widths(states: Mapping[str, _Group]) -> dict[str, int]:
    return {state.name: state.width for state in states.values()}
