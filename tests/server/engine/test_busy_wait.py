"""A wait that does not sleep ends with what it waits for, with its time, and pauses where others want the core."""

from __future__ import annotations

import pytest
from clock import Clock

from server.engine.busy_wait import LONGEST_S, PAUSE_S, BusyWait, num_preemptions


class GoingOn(Clock):
    """Goes on by a tenth of the longest wait with each look."""

    def __call__(self):
        self.now += LONGEST_S / 10
        return super().__call__()


@pytest.fixture
def clock():
    return GoingOn()


def looks_of(*answers):
    """Gives one answer after the other, and then that nothing has come; and counts."""
    left = list(answers)
    asked = []

    def has_come():
        asked.append(None)
        return left.pop(0) if left else False

    return has_come, asked


def test_wait_ends_with_what_comes(clock):
    has_come, asked = looks_of(False, False, True, False)
    assert BusyWait(clock=clock, num_preemptions=lambda: 0).wait(has_come)
    assert len(asked) == 3


def test_wait_ends_with_its_time(clock):
    has_come, asked = looks_of()
    assert not BusyWait(clock=clock, num_preemptions=lambda: 0).wait(has_come)
    assert 0 < len(asked) <= 11


def test_nobody_waits_for_a_while_after_others_wanted_the_core(clock):
    preemptions = iter([0, 1, 1, 1])
    busy_wait = BusyWait(clock=clock, num_preemptions=lambda: next(preemptions))
    assert busy_wait.wait(lambda: True)
    has_come, asked = looks_of(True)
    assert not busy_wait.wait(has_come)
    assert asked == []
    clock.now += PAUSE_S
    assert busy_wait.wait(has_come)


def test_preemptions_are_those_of_this_thread():
    assert num_preemptions() >= 0
