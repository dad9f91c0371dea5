"""What requests cost, by path, so that those that cost much can have a lane of their own (`server.http.threads`)."""

from __future__ import annotations

import threading
from collections.abc import Iterable

HIGH_COST_S = 0.001  # of processor time; a health check takes a quarter of it
NEWEST_COUNTS = 0.3  # the weight of a new cost beside those before
MAX_PATHS = 64  # that are known as costly; the one that has been for longest makes room


class PathCosts:
    """The processor time that requests take from others who are answered by the same threads.

    Any thread may use it.

    Args:
        never_high: paths that are to be answered first, whatever they cost.
    """

    def __init__(self, never_high: Iterable[str] = ()) -> None:
        self._never_high = frozenset(never_high)
        self._costs_s: dict[str, float] = {}
        self._lock = threading.Lock()

    def is_high(self, path: str) -> bool:
        """Tell whether requests of this path cost much."""
        return path in self._costs_s

    def note(self, path: str, cost_s: float) -> None:
        """Say what a request cost: seconds of its thread's processor time."""
        if path in self._never_high:
            return
        before_s = self._costs_s.get(path)
        if before_s is not None:
            cost_s = (1 - NEWEST_COUNTS) * before_s + NEWEST_COUNTS * cost_s
        elif cost_s <= HIGH_COST_S:
            return
        with self._lock:
            self._costs_s.pop(path, None)
            if cost_s > HIGH_COST_S:
                if len(self._costs_s) >= MAX_PATHS:
                    del self._costs_s[next(iter(self._costs_s))]
                self._costs_s[path] = cost_s
