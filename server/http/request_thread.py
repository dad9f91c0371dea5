"""A thread that serves connections: what it is doing now, as the others must know."""

from __future__ import annotations

import threading
from collections.abc import Callable


class RequestThread:
    """Tells whether one thread leads, is busy, or neither: its response is known, and still has to be sent.

    Args:
        begin_busy: makes it busy if one more thread may be (`server.http.threads`).
        end_busy: makes it busy no more.

    Attributes:
        is_leader: whether it is one of those that wait for connections.
        is_slow: whether it is that of the slow lane, which must not wait for an answer.
        is_busy: whether it waits for a response, or may.
        has_turn: whether it answers without that, and others wait meanwhile.
    """

    def __init__(
        self,
        begin_busy: Callable[[RequestThread], bool],
        end_busy: Callable[[RequestThread], None],
        *,
        is_slow: bool = False,
    ) -> None:
        self.is_leader, self.is_slow = True, is_slow
        self.is_busy = self.has_turn = False
        self._begin_busy, self._end_busy = begin_busy, end_busy
        promoted = threading.Lock()  # lighter than an Event
        promoted.acquire()
        self.wait_until_promoted, self.wake = promoted.acquire, promoted.release

    def begin_busy(self) -> bool:
        """Promote a follower, before waiting for anything; False where the thread must not wait."""
        return self._begin_busy(self)

    def end_busy(self) -> None:
        """Say that the waiting is over, before others can know of it. May be called more than once."""
        if self.is_busy:
            self._end_busy(self)
