"""A lane: places at which one image is decoded at a time, and who waits for one.

Owns no thread; request threads wait in it. What is in hand is counted in estimated seconds; how long it will take is
known from how long such seconds took lately, as `server.engine.service_rate` knows it of the engine.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from server.engine.errors import DeadlineExceeded

T = TypeVar("T")

WEIGHT = 0.1  # of the newest image in the moving average
OVERHEAD_S = 0.001  # of an image beside what its estimate says
SHORTEST_S = 0.005  # less says more of the overhead than of the pace
SLOWEST = 50.0  # times the estimate
# A small image passes a large one that came before it by less than so many times the difference of their costs: so
# small ones hardly wait behind large ones, and no large one waits for ever.
PATIENCE = 4.0


class Lane(Generic[T]):
    """Safe to use from many threads at once.

    Args:
        places: what each is, for its user.
        clock: monotonic.
    """

    def __init__(self, places: Sequence[T], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._free = list(places)
        self._num_places = len(places)
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, int, _Waiter[T]]] = []  # a heap
        self._numbers = itertools.count()
        self._in_hand_s = 0.0
        self._pace = 1.0

    def wait_s(self, more_s: float = 0.0) -> float:
        """Predict in how many seconds all that is in hand, and so much more, will be decoded."""
        return self._pace * (self._in_hand_s + more_s) / self._num_places

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in hand."""
        return self._in_hand_s < OVERHEAD_S / 2  # sums of fractions seldom come to 0

    def add(self, cost_s: float) -> None:
        """Count an image in hand; below 0, one less."""
        with self._lock:
            self._in_hand_s = max(0.0, self._in_hand_s + cost_s)

    @contextmanager
    def place(self, cost_s: float, deadline: float) -> Iterator[T]:
        """Wait for a place and hold it.

        Raises:
            DeadlineExceeded: there was none in time.
        """
        place = self._wait(cost_s, deadline)
        started = self._clock()
        try:
            yield place
        finally:
            taken_s = self._clock() - started
            with self._lock:
                if max(taken_s, cost_s) > SHORTEST_S:
                    self._pace += WEIGHT * (min(SLOWEST, taken_s / (cost_s + OVERHEAD_S)) - self._pace)
                self._give(place)

    def _wait(self, cost_s: float, deadline: float) -> T:
        now = self._clock()
        if now < deadline:
            with self._lock:
                if self._free:
                    return self._free.pop()
                waiter: _Waiter[T] = _Waiter()
                heapq.heappush(self._waiting, (now + PATIENCE * cost_s, next(self._numbers), waiter))
            waiter.is_served.wait(deadline - now)
            with self._lock:
                if waiter.places:
                    return waiter.places[0]
                waiter.has_gone = True
        raise DeadlineExceeded("the request's deadline passed while its images were decoded")

    def _give(self, place: T) -> None:
        while self._waiting:
            waiter = heapq.heappop(self._waiting)[2]
            if not waiter.has_gone:
                waiter.places.append(place)
                waiter.is_served.set()
                return
        self._free.append(place)


class _Waiter(Generic[T]):
    """A thread that waits, and the place that it has been given."""

    def __init__(self) -> None:
        self.is_served = threading.Event()
        self.places: list[T] = []
        self.has_gone = False
