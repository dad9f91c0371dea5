"""The channels that go first matter least for their cost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimize.channels.groups import ChannelGroup, LayerCost, count_macs
from optimize.channels.plan import BudgetOutOfReach, plan_channels

# image (3) -> a -> b -> classes (10), and a stream beside them
GROUPS = tuple(ChannelGroup(name, 32, (), (), ()) for name in ("a_1", "b_1", "stream"))
LAYERS = (
    LayerCost(100, 3, "a_1"),
    LayerCost(100, "a_1", "b_1"),
    LayerCost(50, "b_1", "stream"),
    LayerCost(1, "stream", 10),
)
DENSE = count_macs(LAYERS, {group.name: 32 for group in GROUPS})
EQUAL = {group.name: np.ones(32) for group in GROUPS}


def test_least_important_channels_of_a_group_go() -> None:
    important = np.array([1.0, 0.0] * 16)
    plan = plan_channels(GROUPS, LAYERS, {**EQUAL, "b_1": 1e-6 * important}, max_macs=0.7 * DENSE, multiple_of=1)
    assert set(plan.kept["b_1"]) >= set(range(0, 32, 2))
    assert len(plan.kept["a_1"]) == len(plan.kept["stream"]) == 32


def test_channel_that_matters_nothing_goes_before_those_of_groups_that_matter_less() -> None:
    dear = np.array([100.0] * 31 + [0.0])
    importance = {"a_1": dear, "b_1": np.full(32, 50.0), "stream": np.full(32, 50.0)}
    plan = plan_channels(GROUPS, LAYERS, importance, max_macs=DENSE - 1, multiple_of=1)
    assert [plan.kept[group.name].tolist() for group in GROUPS] == [[*range(31)], [*range(32)], [*range(32)]]


def test_group_that_costs_more_for_the_same_importance_goes_first() -> None:
    plan = plan_channels(GROUPS, LAYERS, EQUAL, max_macs=0.9 * DENSE)
    assert [len(plan.kept[group.name]) for group in GROUPS] == [32, 24, 32]  # b_1 is in the two dearest layers


def test_streams_stay_when_told_so() -> None:
    plan = plan_channels(GROUPS, LAYERS, {**EQUAL, "stream": np.zeros(32)}, max_macs=DENSE / 2, with_streams=False)
    assert len(plan.kept["stream"]) == 32


def test_budget_that_cannot_be_met_says_what_can() -> None:
    with pytest.raises(BudgetOutOfReach, match=r"at most \d+% of the multiply-accumulates can be removed"):
        plan_channels(GROUPS, LAYERS, EQUAL, max_macs=1, min_kept=0.5)


@given(
    importance=st.lists(st.floats(0, 1e3), min_size=96, max_size=96),
    budget=st.floats(0.2, 1.0),
    multiple_of=st.sampled_from([1, 4, 8]),
)
def test_plan_meets_its_budget_with_widths_that_kernels_like(
    importance: list[float], budget: float, multiple_of: int
) -> None:
    values = np.array(importance).reshape(3, 32)
    by_group = {group.name: row for group, row in zip(GROUPS, values, strict=True)}
    plan = plan_channels(GROUPS, LAYERS, by_group, max_macs=budget * DENSE, multiple_of=multiple_of)
    widths = {name: len(kept) for name, kept in plan.kept.items()}
    assert plan.macs == count_macs(LAYERS, widths) <= budget * DENSE
    for group in GROUPS:  # nothing more would fit
        wider = widths | {group.name: min(group.num_channels, widths[group.name] + multiple_of)}
        assert wider == widths or count_macs(LAYERS, wider) > budget * DENSE
    for group, kept in plan.kept.items():
        assert widths[group] % multiple_of == 0
        assert widths[group] >= 8
        assert np.all(np.diff(kept) > 0)
        gone = np.setdiff1d(np.arange(32), kept)
        assert not len(gone) or by_group[group][gone].max() <= by_group[group][kept].min()
