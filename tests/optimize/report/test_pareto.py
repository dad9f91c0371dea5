from hypothesis import given
from hypothesis import strategies as st

from optimize.report.pareto import frontier

POINTS = st.dictionaries(st.text(max_size=2), st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1)


def test_frontier_is_ordered_by_cost():
    points = {"slow": (9.0, 0.9), "beaten": (5.0, 0.6), "fast": (1.0, 0.5), "middle": (4.0, 0.7)}
    assert frontier(points) == ["fast", "middle", "slow"]


def test_of_equal_points_one_is_kept():
    assert frontier({"a": (1.0, 0.5), "b": (1.0, 0.5)}) == ["a"]


@given(POINTS)
def test_everyone_is_on_the_frontier_or_beaten_by_someone_on_it(points):
    best = frontier(points)
    for name, (cost, accuracy) in points.items():
        beaten = [other for other in best if points[other][0] <= cost and points[other][1] >= accuracy]
        assert beaten
        if name in best:
            assert beaten == [name]
