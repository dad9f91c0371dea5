"""The connections of an HTTP worker, and which of them make room where there are too many.

Idle ones are closed, those first that are so for longest. Where none is idle, those are whose clients have stalled, the
most silent first.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable

from server.http.connection import Connection
from server.http.limits import spare_connections
from server.http.threads import RequestThreads

LOOK_AGAIN_S = 0.05  # to look at a thousand connections takes longer than to say no
IDLE_AT_LEAST_S = 0.1  # for a client that has just connected to send its request
CLOSED_TOGETHER = 1 / 32  # of the connections: the idlest, where there are too many


class OpenConnections:
    """Those that are open, up to a limit, and some past it that are to be told so. Any thread may add and remove.

    Args:
        limit: past which a connection is one too many.
        threads: which wait at the connections, or serve them.
        note_number: told how many there are, whenever that changes.
    """

    def __init__(self, limit: int, threads: RequestThreads, note_number: Callable[[int], None]) -> None:
        self._limit, self._most = limit, limit + spare_connections(limit)
        self._threads, self._note_number = threads, note_number
        self._connections: set[Connection] = set()
        self._looks_again_at = 0.0
        note_number(0)

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def is_full(self) -> bool:
        """Whether one more would be one too many."""
        return len(self._connections) >= self._limit

    @property
    def has_too_many(self) -> bool:
        """Whether one of those that are there is too many."""
        return len(self._connections) > self._limit

    @property
    def has_room(self) -> bool:
        """Whether one more can be taken in, be it too many."""
        return len(self._connections) < self._most

    def add(self, connection: Connection) -> None:
        """Count a connection, and have the threads serve it."""
        self._connections.add(connection)
        self._note_number(len(self._connections))
        self._threads.watch(connection)

    def remove(self, connection: Connection) -> None:
        """Count a connection no more, which has been closed."""
        self._connections.discard(connection)
        self._note_number(len(self._connections))

    def make_room(self) -> bool:
        """Close some of the connections that have been idle for longest, or stalled ones; False if none is."""
        now = time.monotonic()
        if now < self._looks_again_at:
            return False
        number = max(1, len(self._connections) - self._limit + 1) + int(self._limit * CLOSED_TOGETHER)
        waiting = self._threads.waiting
        idle = [one for one in waiting if one.is_idle and one.idle_since < now - IDLE_AT_LEAST_S]
        is_closed = self._close(heapq.nsmallest(number, idle, key=lambda one: one.idle_since))
        if not is_closed:
            stalled = [one for one in waiting if one.is_stalled(now)]
            is_closed = self._close(heapq.nsmallest(number, stalled, key=lambda one: one.heard_at))
        if not is_closed:
            self._looks_again_at = now + LOOK_AGAIN_S
        return is_closed

    def _close(self, connections: Iterable[Connection]) -> bool:
        """Close those with which nobody could go on now; False where that is none."""
        is_closed = False
        for connection in connections:
            if not connection.is_ready() and self._threads.take_out(connection):
                connection.close()
                self._connections.discard(connection)
                is_closed = True
        self._note_number(len(self._connections))
        return is_closed
