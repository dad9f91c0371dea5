"""What was done to the server, and when: the only excuse for an answer that is missing or late."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

CUT_S = 5.0  # after a worker's kill: by then each client has noticed that its connection is no more
# After a process was stopped: 5 s until it is replaced, and a request that came last has 10 s.
LATE_S = 20.0


class Journal:
    """Any number of threads may use it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._events: list[tuple[float, str]] = []

    def note(self, what: str) -> None:
        """Write down what is about to be done, such as "kill http"."""
        with self._lock:
            self._events.append((self._clock(), what))

    def counts(self) -> Counter[str]:
        with self._lock:
            return Counter(what for _, what in self._events)

    def explains_cut(self, opened_at: float, ended_at: float) -> bool:
        """Whether a worker was killed while that connection was open, not long before it was found to be cut."""
        return any(opened_at <= at <= ended_at <= at + CUT_S for at, what in self._all() if what == "kill http")

    def explains_late(self, began_at: float, ended_at: float) -> bool:
        """Whether a process was stopped so that an answer could come too late."""
        return any(at <= ended_at and began_at <= at + LATE_S for at, what in self._all() if what.startswith("stop "))

    def _all(self) -> list[tuple[float, str]]:
        with self._lock:
            return list(self._events)
