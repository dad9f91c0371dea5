"""The timer that wakes nobody unless its time passes."""

from __future__ import annotations

import select

import pytest

from server.http.timer import Timer


@pytest.fixture
def timer():
    timer = Timer(0.01)
    yield timer
    timer.close()


def is_readable(timer, timeout_s):
    return bool(select.select([timer.fd], [], [], timeout_s)[0])


def test_timer_tells_when_its_time_has_passed(timer):
    assert not is_readable(timer, 0)
    timer.begin()
    assert is_readable(timer, 10)


def test_timer_that_is_taken_back_tells_nothing(timer):
    timer.begin()
    timer.end()
    assert not is_readable(timer, 0.05)


def test_timer_forgets_what_it_told(timer):
    timer.begin()
    assert is_readable(timer, 10)
    timer.end()
    assert not is_readable(timer, 0)
