"""What was done to the server, and when: the only excuse for an answer that is missing or late."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

CUT_S = 5.0  # after a worker's kill, or the next use of its connection: by then each client has noticed
RESTART_S = 5.0  # for the successor of a process that stood still: to start, and to do what has waited


@dataclass(slots=True)
class Event:
    """Something that was done; one that stands until it is undone, or the server has noticed, ends with that."""

    what: str
    began_at: float
    ended_at: float = float("inf")


class Journal:
    """Any number of threads may use it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._events: list[Event] = []

    def note(self, what: str) -> Event:
        """Write down what is about to be done, such as "kill http"."""
        with self._lock:
            self._events.append(Event(what, self._clock()))
            return self._events[-1]

    def end(self, event: Event) -> None:
        """Write down that it is over."""
        event.ended_at = self._clock()

    def counts(self) -> Counter[str]:
        with self._lock:
            return Counter(event.what for event in self._events)

    def explains_cut(self, heard_at: float, sent_at: float, ended_at: float) -> bool:
        """Whether a worker was killed after its client had last heard of it, and the client found out soon.

        Args:
            heard_at: when the connection was last known to stand.
            sent_at: when it was next used.
            ended_at: when it was found to be cut.
        """
        return any(
            heard_at <= kill.began_at <= ended_at <= max(kill.began_at, sent_at) + CUT_S
            for kill in self._all("kill http")
        )

    def explains_late(self, began_at: float, ended_at: float) -> bool:
        """Whether a process stood still while that request was under way, or shortly before."""
        return any(
            stop.began_at <= ended_at and began_at <= stop.ended_at + RESTART_S
            for what in ("stop engine", "stop decoder", "stop http")
            for stop in self._all(what)
        )

    def _all(self, what: str) -> list[Event]:
        with self._lock:
            return [event for event in self._events if event.what == what]
