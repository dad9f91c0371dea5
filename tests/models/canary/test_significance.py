"""Whether two versions differ by more than chance."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.canary.significance import mix_distance, more_errors_p, other_mix_p


def p_of(errors, total, stable_errors, stable_total):
    return more_errors_p(errors, total, stable_errors=stable_errors, stable_total=stable_total)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 300), st.integers(0, 300))
def test_p_of_errors_is_that_of_fishers_test(errors, stable_errors, good, stable_good):
    total, stable_total, wrong = errors + good, stable_errors + stable_good, errors + stable_errors
    ways = sum(
        comb(wrong, each) * comb(good + stable_good, total - each) for each in range(errors, min(wrong, total) + 1)
    )
    expected = ways / comb(total + stable_total, total)
    assert p_of(errors, total, stable_errors, stable_total) == pytest.approx(expected, rel=1e-6)


def test_errors_among_many_answers():
    assert p_of(0, 10**6, 0, 10**7) == pytest.approx(1)
    assert p_of(40, 10**6, 10, 10**6) < 1e-4
    assert p_of(10, 10**6, 40, 10**6) > 0.999


def drawn(rng, shares, total):
    return {f"class {index}": int(count) for index, count in enumerate(rng.multinomial(total, shares))}


@pytest.mark.parametrize("shares", [[0.4, 0.3, 0.2, 0.1], [0.9] + [0.001] * 100], ids=["few", "many rare"])
def test_mixes_that_differ_by_chance_are_rarely_told_apart(shares, monkeypatch):
    monkeypatch.setattr("models.canary.significance.NUM_DRAWS", 499)
    shares = np.array(shares) / np.sum(shares)
    rng = np.random.default_rng(1)
    ps = [other_mix_p(drawn(rng, shares, 200), drawn(rng, shares, 1000)) for _ in range(40)]
    assert np.count_nonzero(np.array(ps) < 0.05) <= 6  # 2 by chance
    assert np.mean(ps) == pytest.approx(0.5, abs=0.15)


def test_mix_that_has_changed_is_seen():
    assert other_mix_p({"a": 600, "b": 400}, {"a": 500, "b": 500}) < 0.001
    assert other_mix_p({"a": 1000}, {"b": 1000}) == 0.0001


@pytest.mark.parametrize(
    ("counts", "stable"), [({}, {}), ({"a": 5}, {}), ({"a": 5}, {"a": 9}), ({"a": 5, "b": 0}, {"a": 9})]
)
def test_nothing_to_compare_is_no_difference(counts, stable):
    assert other_mix_p(counts, stable) == 1


def test_distance_of_mixes_is_that_of_the_shares():
    assert mix_distance({"a": 6, "b": 4}, {"a": 500, "b": 500}) == pytest.approx(0.1)
    assert mix_distance({"a": 6}, {"b": 1}) == 1
    assert mix_distance({}, {"b": 1}) == 0
