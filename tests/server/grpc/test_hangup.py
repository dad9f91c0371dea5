"""A call that is over wakes whoever waits for the engine."""

from __future__ import annotations

import os
import select

import pytest

from server.engine.slot import HANGUP
from server.grpc.hangup import Hangup
from server.request_errors import Overloaded


def is_hung_up(hangup):
    poll = select.poll()
    poll.register(hangup.fd, HANGUP)
    return bool(poll.poll(0))


def test_waiting_ends_when_the_call_does():
    hangup = Hangup()
    assert not is_hung_up(hangup)
    hangup.hang_up()
    assert is_hung_up(hangup)
    hangup.hang_up()
    hangup.close()


def test_call_is_refused_where_no_file_is_left(monkeypatch):
    def none_left(_flags):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pipe2", none_left)
    with pytest.raises(Overloaded, match="no file left for this call"):
        Hangup()
