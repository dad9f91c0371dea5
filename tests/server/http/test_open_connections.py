"""Which connections make room where there are too many."""

from __future__ import annotations

import time

import pytest

from server.http.open_connections import OpenConnections


class FakeConnection:
    """A connection that has been idle for a time, or silent in the midst of a request, or can be read."""

    def __init__(self, idle_s=None, *, silent_s=0, is_ready=False):
        self.is_idle, self.idle_since = idle_s is not None, time.monotonic() - (idle_s or 0)
        self.heard_at = time.monotonic() - silent_s
        self.is_closed = False
        self.is_stalled, self.is_ready = lambda _now: silent_s > 0, lambda: is_ready

    def close(self):
        """Note that it was closed."""
        self.is_closed = True


class FakeThreads:
    """Threads at which all connections wait."""

    def __init__(self):
        self.waiting = []
        self.watch = self.waiting.append

    def take_out(self, connection):
        """Take a connection out; it was there."""
        self.waiting.remove(connection)
        return True


@pytest.fixture
def numbers():
    """How many connections there were, after each change."""
    return []


@pytest.fixture
def opened(numbers):
    """Give what opens connections: a limit and the connections."""

    def make(limit, *some):
        connections = OpenConnections(limit, FakeThreads(), numbers.append)
        for connection in some:
            connections.add(connection)
        return connections

    return make


def test_some_past_the_limit_are_taken_in_to_be_told_so(opened):
    connections = opened(2, FakeConnection(), FakeConnection())
    assert (connections.is_full, connections.has_too_many, connections.has_room) == (True, False, True)
    for _ in range(4):
        connections.add(FakeConnection())
    assert (connections.is_full, connections.has_too_many, connections.has_room) == (True, True, False)


def test_number_is_told_whenever_it_changes(opened, numbers):
    one = FakeConnection()
    connections = opened(2, one)
    connections.remove(one)
    assert numbers == [0, 1, 0]
    assert len(connections) == 0


def test_the_idlest_is_closed_first(opened):
    some = [FakeConnection(2), FakeConnection(3), FakeConnection(1)]
    connections = opened(3, *some)
    assert connections.make_room()
    assert [one.is_closed for one in some] == [False, True, False]
    assert len(connections) == 2


@pytest.mark.parametrize(
    "state",
    [{}, {"idle_s": 0}, {"idle_s": 9, "is_ready": True}, {"silent_s": 9, "is_ready": True}],
    ids=["a request in hand", "just connected", "a request has come", "the rest of a request has come"],
)
def test_what_is_not_idle_stays(opened, state):
    connection = FakeConnection(**state)
    connections = opened(1, connection)
    assert not connections.make_room()
    assert not connection.is_closed


def test_most_silent_one_is_let_go_where_none_is_idle(opened):
    some = [FakeConnection(silent_s=2), FakeConnection(silent_s=3), FakeConnection()]
    connections = opened(3, *some)
    assert connections.make_room()
    assert [one.is_closed for one in some] == [False, True, False]
    assert len(connections) == 2


def test_idle_ones_are_closed_before_those_in_the_midst_of_a_request(opened):
    some = [FakeConnection(silent_s=9), FakeConnection(1)]
    assert opened(2, *some).make_room()
    assert [one.is_closed for one in some] == [False, True]


def test_a_look_in_vain_is_not_repeated_at_once(opened):
    connections = opened(1, FakeConnection())
    assert not connections.make_room()
    connections.add(FakeConnection(9))
    assert not connections.make_room()
