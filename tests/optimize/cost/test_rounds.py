import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimize.cost.rounds import Rounds, interleave


def test_median_and_quartiles():
    rounds = Rounds((4.0, 1.0, 2.0, 3.0, 100.0))
    assert rounds.median == 3
    assert rounds.quartiles == (2, 4)


def test_a_drift_of_the_machine_falls_out_of_a_ratio():
    drift = [1.0, 1.5, 3.0, 2.0]
    candidate, baseline = Rounds(tuple(2 * each for each in drift)), Rounds(tuple(4 * each for each in drift))
    assert candidate.over(baseline).values == (0.5,) * 4


def test_there_is_at_least_one_round():
    with pytest.raises(ValueError, match="at least one"):
        Rounds(())
    with pytest.raises(ValueError, match="num_rounds must be >= 1, got 0"):
        interleave([{}], num_rounds=0, seed=0)


@given(
    names=st.sets(st.text(max_size=3), min_size=1, max_size=5), num_rounds=st.integers(1, 6), seed=st.integers(0, 99)
)
def test_each_round_measures_everyone_once_before_the_next_begins(names, num_rounds, seed):
    asked = []

    def measure(quantity, name):
        asked.append((quantity, name))
        return float(len(asked))

    quantities = [{name: lambda q=q, name=name: measure(q, name) for name in sorted(names)} for q in ("a", "b")]
    found = interleave(quantities, num_rounds=num_rounds, seed=seed)
    size = len(names)
    for start in range(0, len(asked), size):
        quantity = "ab"[start // size % 2]
        assert sorted(asked[start : start + size]) == sorted((quantity, name) for name in names)
    assert [len(rounds.values) for values in found for rounds in values.values()] == [num_rounds] * size * 2
    assert found[0][min(names)].values == tuple(
        index + 1.0 for index, call in enumerate(asked) if call == ("a", min(names))
    )


def test_the_order_changes_from_round_to_round_and_is_the_same_for_a_seed():
    def orders(seed):
        asked = []
        measures = {name: lambda name=name: asked.append(name) or 1.0 for name in "abcd"}
        interleave([measures], num_rounds=20, seed=seed)
        return ["".join(asked[start : start + 4]) for start in range(0, 80, 4)]

    assert orders(1) == orders(1)
    assert len(set(orders(1))) > 5
