"""What requests cost, by path."""

from __future__ import annotations

import pytest

from server.http.path_costs import HIGH_COST_S, MAX_PATHS, PathCosts


@pytest.fixture
def costs():
    return PathCosts(never_high=["/healthz"])


def test_path_is_high_once_a_request_has_cost_much(costs):
    costs.note("/cheap", HIGH_COST_S)
    costs.note("/metrics", 2 * HIGH_COST_S)
    assert not costs.is_high("/cheap")
    assert costs.is_high("/metrics")


def test_path_that_cost_much_once_is_high_until_others_have_cost_little(costs):
    costs.note("/page", 4 * HIGH_COST_S)
    costs.note("/page", 0)
    assert costs.is_high("/page")
    for _ in range(4):
        costs.note("/page", 0)
    assert not costs.is_high("/page")


def test_health_checks_are_never_high(costs):
    costs.note("/healthz", 100 * HIGH_COST_S)
    assert not costs.is_high("/healthz")


def test_paths_that_somebody_makes_up_take_no_memory_and_no_place_for_long(costs):
    for number in range(1000):
        costs.note(f"/{number}", 2 * HIGH_COST_S)
    assert sum(costs.is_high(f"/{number}") for number in range(1000)) == MAX_PATHS
    costs.note("/metrics", 2 * HIGH_COST_S)
    assert costs.is_high("/metrics")
