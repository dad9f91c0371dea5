import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimize.report.axis import cost_axis, linear_axis

COSTS = st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=8)


def test_ticks_are_round_numbers():
    assert linear_axis([91.2, 94.3], margin=0).ticks == (91.5, 92, 92.5, 93, 93.5, 94)
    assert cost_axis([0.3, 30]).ticks == (0.5, 1, 2, 5, 10, 20)
    assert cost_axis([0.5, 0.9]).is_log is False


def test_limits_are_not_passed():
    axis = linear_axis([10, 100], within=(0, 100))
    assert (axis.low, axis.high) == (pytest.approx(2.8), 100)


@given(COSTS)
def test_every_value_and_tick_lies_on_the_axis(values):
    axis = cost_axis(values)
    places = [axis.at(value) for value in (*values, *axis.ticks)]
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in places)
    assert list(axis.ticks) == sorted(set(axis.ticks))
    assert len(axis.ticks) <= 9


@given(COSTS)
def test_larger_values_lie_farther(values):
    axis = cost_axis(values)
    places = [axis.at(value) for value in sorted(values)]
    assert places == sorted(places)
