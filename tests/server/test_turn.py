"""The turn of a request thread."""

from __future__ import annotations

import threading

import pytest

from server.request_errors import Overloaded
from server.turn import Turn


def test_turn_is_passed_on_once():
    turn, passed = Turn(), []
    turn.begin(lambda: passed.append("on") or True)
    assert turn.is_held
    turn.pass_on()
    turn.pass_on()
    assert passed == ["on"]
    assert not turn.is_held


def test_thread_without_a_turn_has_none_to_pass_on():
    turn = Turn()
    turn.begin(lambda: True)
    seen = []
    other = threading.Thread(target=lambda: (turn.pass_on(), seen.append(turn.is_held)))
    other.start()
    other.join()
    assert seen == [False]
    turn.end()
    assert not turn.is_held


def test_thread_that_nobody_can_follow_may_not_wait():
    turn = Turn()
    turn.begin(lambda: False)
    with pytest.raises(Overloaded, match="more requests are in hand than there is room for"):
        turn.pass_on()
