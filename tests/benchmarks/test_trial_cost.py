"""What answers are counted before and after a change of the version."""

import pytest

from benchmarks.trial_cost import AFTER_S, BEFORE_S, figures_of


def test_each_side_of_the_change_is_counted_for_its_time():
    at = 100.0
    before = [(at - BEFORE_S + 0.01 * number, 1.0 + number % 2, 200) for number in range(100)]
    after = [(at + 0.01 * number, 5.0, 200) for number in range(99)] + [(at + 1, 90.0, 503)]
    outside = [(at - BEFORE_S - 0.1, 999.0, 200), (at + AFTER_S, 999.0, 200)]
    figures = figures_of([*before, *after, *outside], at)
    assert (figures["p50"], figures["p99"]) == (1.0, 2.0)
    assert (figures["p50 after"], figures["p99 after"], figures["largest after"]) == (5.0, 5.0, 90.0)
    assert figures["a second"] == pytest.approx(100 / BEFORE_S)
    assert figures["a second after"] == pytest.approx(100 / AFTER_S)
    assert figures["other than 200"] == 1
