import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.spread import Spread, median_interval, percentile

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1)


@pytest.mark.parametrize(("percent", "value"), [(1, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)])
def test_percentile_of_one_to_a_hundred_is_its_rank(percent, value):
    assert percentile(range(100, 0, -1), percent) == value


@given(VALUES, st.floats(0, 100, exclude_min=True))
def test_percentile_occurs_and_covers_its_share(values, percent):
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) >= len(values) * percent / 100 - 1e-9


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], 0), ([1.0], 101)])
def test_percentile_of_nothing_or_beyond_the_range_is_refused(values, percent):
    with pytest.raises(ValueError, match="percentile needs values"):
        percentile(values, percent)


def test_spread_shows_median_extremes_and_runs():
    spread = Spread((0.9, 0.98, 0.95))
    assert spread.median == 0.95
    assert str(spread) == "0.9 .. 0.98 (3 runs)"
    with pytest.raises(ValueError, match="at least one run"):
        Spread(())


def test_interval_of_a_median_is_narrower_than_the_values():
    assert median_interval(range(100)) == (40, 60)
    assert median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0)
