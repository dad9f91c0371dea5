"""Which of two versions a request goes to: by its session always the same, by weight without one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.engine.traffic_split import TrafficSplit, place_of

SESSIONS = [f"user-{number}" for number in range(4000)]


def split(percent, candidate=2, name="a"):
    return TrafficSplit(name, 1, candidate, percent)


@given(st.text(), st.floats(0.1, 100), st.floats(0.1, 100))
def test_session_that_is_in_stays_in_while_the_share_grows(session, one, other):
    less, more = sorted((one, other))
    assert split(more).takes(session) or not split(less).takes(session)


@given(st.text())
def test_session_is_always_on_the_same_side_and_at_100_percent_in(session):
    assert split(30).takes(session) == split(30).takes(session)
    assert split(100).takes(session)


@pytest.mark.parametrize("percent", [1, 10, 50, 90])
def test_share_of_sessions_is_the_percentage(percent):
    taken = sum(split(percent).takes(session) for session in SESSIONS)
    assert abs(taken / len(SESSIONS) - percent / 100) < 0.02


@pytest.mark.parametrize("other", [split(10, candidate=3), split(10, name="b")])
def test_another_canary_begins_with_other_sessions(other):
    both = sum(split(10).takes(session) and other.takes(session) for session in SESSIONS)
    assert 0 < both < 80  # of 400 each; 40 by chance


def test_request_without_a_session_goes_by_weight():
    assert [split(25).takes(None, lambda place=place: place) for place in (0, 0.2499, 0.25, 0.999)] == [
        True,
        True,
        False,
        False,
    ]


def test_place_is_that_of_every_other_server():
    assert place_of("pets", 3, "alice") == 0.269491982769966
