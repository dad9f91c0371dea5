"""A wait that does not sleep ends with what it waits for, with its time, and pauses where others want the core."""

from __future__ import annotations

import pytest

from server.engine.busy_wait import LONGEST_S, PAUSE_S, BusyWait, num_preemptions


class Clock:
    """Goes on by a tenth of the longest wait with each look."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        self.now += LONGEST_S / 10
        return self.now


@pytest.fixture
def clock():
    return Clock()


def poll_of(*answers):
    """Gives one answer after the other, and then nothing."""
    left = list(answers)
    asked = []

    def poll(timeout_ms):
        asked.append(timeout_ms)
        return left.pop(0) if left else []

    return poll, asked


def test_wait_ends_with_what_comes(clock):
    poll, asked = poll_of([], [], [(7, 1)], [])
    assert BusyWait(clock=clock, num_preemptions=lambda: 0).wait(poll)
    assert asked == [0, 0, 0]


def test_wait_ends_with_its_time(clock):
    poll, asked = poll_of()
    assert not BusyWait(clock=clock, num_preemptions=lambda: 0).wait(poll)
    assert 0 < len(asked) <= 10


def test_nobody_waits_for_a_while_after_others_wanted_the_core(clock):
    preemptions = iter([0, 1, 1, 1])
    busy_wait = BusyWait(clock=clock, num_preemptions=lambda: next(preemptions))
    ring = [(7, 1)]
    assert busy_wait.wait(poll_of(ring)[0])
    poll, asked = poll_of(ring)
    assert not busy_wait.wait(poll)
    assert asked == []
    clock.now += PAUSE_S
    assert busy_wait.wait(poll)


def test_preemptions_are_those_of_this_thread():
    assert num_preemptions() >= 0
