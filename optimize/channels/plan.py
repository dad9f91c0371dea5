"""Which channels to remove for a budget of multiply-accumulates: those that matter least for what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from optimize.channels.groups import ChannelGroup, LayerCost, count_macs

Importance = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]


class BudgetOutOfReach(ValueError):
    """No more channels may be removed, and the budget is not met; the message says what is the least."""


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """What stays.

    Attributes:
        kept: indices of the channels of each group, ascending.
        macs: multiply-accumulates for one image that are left.
    """

    kept: Mapping[str, Indices]
    macs: int


@dataclass
class _Group:
    name: str
    order: Indices  # channels, the least important first
    cost: npt.NDArray[np.float64]  # importance of the first n of them, together
    removed: list[int] = field(default_factory=list)  # channels, step by step
    num_channels: int = field(init=False)

    def __post_init__(self) -> None:
        self.num_channels = len(self.order)

    @property
    def num_removed(self) -> int:
        return sum(self.removed)

    @property
    def width(self) -> int:
        return self.num_channels - self.num_removed


def plan_channels(
    groups: Sequence[ChannelGroup],
    layers: tuple[LayerCost, ...],
    importance: Mapping[str, Importance],
    *,
    max_macs: float,
    multiple_of: int = 8,
    min_kept: float = 0.25,
    with_streams: bool = True,
) -> ChannelPlan:
    """Remove the steps that cost least importance per multiply-accumulate saved, until the budget is met.

    What the last steps saved more than was needed is spent again: on the channels that matter most for what they cost,
    of those removed last in each group, as long as the budget has room for them.

    Every step leaves a multiple of `multiple_of` channels in its group, which is what kernels are made for; what a step
    saves follows from the widths that all groups have by then.

    Args:
        groups: of the model, see `channel_groups`.
        layers: of the model, see `layer_costs`.
        importance: of each channel of each group, >= 0; comparable between groups.
        max_macs: multiply-accumulates for one image that may be left.
        multiple_of: channels.
        min_kept: part of its channels that each group keeps at least, in (0, 1].
        with_streams: remove channels of the residual stream too.

    Raises:
        BudgetOutOfReach: it cannot be met so.
    """
    states = {group.name: _state(group, importance[group.name]) for group in groups}
    fixed = {group.name for group in groups if group.is_stream and not with_streams}
    dense_macs = macs = count_macs(layers, _widths(states))
    while macs > max_macs:
        steps = [
            (*_price(state, step, states, layers, macs), state, step)
            for state in states.values()
            if state.name not in fixed and (step := _step(state, multiple_of, min_kept))
        ]
        if not steps:
            raise BudgetOutOfReach(f"at most {1 - macs / dense_macs:.0%} of the multiply-accumulates can be removed")
        _, macs, state, step = min(steps, key=lambda found: found[0])
        state.removed.append(step)
    macs = _give_back(states, layers, macs, max_macs)
    kept = {state.name: np.sort(state.order[state.num_removed :]) for state in states.values()}
    return ChannelPlan(kept, macs)


def _state(group: ChannelGroup, importance: Importance) -> _Group:
    order = np.argsort(importance, kind="stable")
    return _Group(group.name, order, np.concatenate([[0.0], np.cumsum(importance[order], dtype=np.float64)]))


def _step(state: _Group, multiple_of: int, min_kept: float) -> int:
    """How many channels go next; 0 where no more may."""
    width = (state.width - 1) // multiple_of * multiple_of
    return state.width - width if width >= max(multiple_of, min_kept * state.num_channels) else 0


def _price(
    state: _Group, step: int, states: Mapping[str, _Group], layers: tuple[LayerCost, ...], macs: int
) -> tuple[float, int]:
    """Importance per multiply-accumulate of a step, taken or, where negative, undone; and what there is after it."""
    left = count_macs(layers, {**_widths(states), state.name: state.width - step})
    lost = state.cost[state.num_removed + step] - state.cost[state.num_removed]
    return float(lost) / (macs - left), left


def _give_back(states: Mapping[str, _Group], layers: tuple[LayerCost, ...], macs: int, max_macs: float) -> int:
    """Undo last steps while the budget allows it; returns the multiply-accumulates that there are then."""
    while True:
        steps = [
            (*price, state)
            for state in states.values()
            if state.removed and (price := _price(state, -state.removed[-1], states, layers, macs))[1] <= max_macs
        ]
        if not steps:
            return macs
        _, macs, state = max(steps, key=lambda found: found[0])
        state.removed.pop()


def _widths(states: Mapping[str, _Group]) -> dict[str, int]:
    return {state.name: state.width for state in states.values()}
