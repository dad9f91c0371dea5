"""The turns of leaders."""

from __future__ import annotations

import select

import pytest
from clock import Clock

from server.http.turns import TURN_S, WEIGHT, Turns


@pytest.fixture
def clock():
    return Clock(0.0)


@pytest.fixture
def turns(clock):
    turns = Turns(clock=clock)
    yield turns
    turns.close()


def test_turn_that_lasts_too_long_is_overdue(turns, clock):
    turns.begin("a")
    clock.now = TURN_S / 2
    turns.begin("b")
    assert turns.overdue() == []
    clock.now = TURN_S
    assert turns.overdue() == ["a"]
    clock.now = 2 * TURN_S
    assert turns.overdue() == ["a", "b"]


def test_turn_that_has_ended_is_never_overdue(turns, clock):
    turns.begin("a")
    turns.end("a")
    clock.now = 10 * TURN_S
    assert turns.overdue() == []
    assert not select.select([turns.fd], [], [], 2 * TURN_S)[0]


def test_timer_tells_of_a_turn_that_has_not_been_overdue_yet(turns, clock):
    turns.begin("a")
    clock.now = TURN_S
    turns.begin("b")
    assert turns.overdue() == ["a"]
    assert select.select([turns.fd], [], [], 10)[0]


def test_what_turns_take_of_late_is_known(turns, clock):
    for _ in range(200):
        turns.begin("a")
        clock.now += 0.004
        turns.end("a")
    assert turns.usual_s == pytest.approx(0.004, rel=1e-3)
    turns.begin("a")
    clock.now += 1.0
    turns.end("a", is_passed_on=True)
    assert turns.usual_s == pytest.approx(0.004, rel=1e-3)
    turns.begin("a")
    clock.now += 1.004
    turns.end("a")
    assert turns.usual_s == pytest.approx(0.004 + WEIGHT, rel=1e-3)
