"""A priority queue of images that wait for a decoder, of which each decodes one at a time.

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
from typing import Any, Generic, TypeVar

from server.engine.errors import DeadlineExceeded
from server.request_errors import Overloaded

T = TypeVar("T")

WEIGHT = 0.1  # of the newest image in the moving average
OVERHEAD_S = 0.001  # of an image beside what its estimate says
SHORTEST_S = 0.005  # less says more of the overhead than of the pace
SLOWEST = 50.0  # times the estimate
# A small image passes a large one that came before it by less than so many times the difference of their costs: so
# small ones hardly wait behind large ones, and no large one waits for ever.
PATIENCE = 4.0
LOOK_AGAIN_S = 0.25  # whether there is still time
TOO_LATE = "the request's deadline passed while its images were decoded"


class DecodeQueue(Generic[T]):
    """Safe to use from many threads at once.

    Args:
        decoders: what each is, for its user.
        like: another queue, whose pace is this one's until it has decoded anything.
        clock: monotonic.
    """

    def __init__(
        self,
        decoders: Sequence[T],
        *,
        like: DecodeQueue[Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._free = list(decoders)
        self._num_decoders = len(decoders)
        self._like, self._clock = like, clock
        self._lock = threading.Lock()
        self._waiting: list[_Waiter[T]] = []  # a heap
        self._numbers = itertools.count()
        self._running: dict[int, tuple[float, float]] = {}  # since when, and estimated seconds
        self._in_hand_s = 0.0
        self._pace: float | None = None

    def pace(self) -> float:
        """Tell how many seconds an estimated one takes: of late, or of what runs now if that is more already."""
        known = self._like.pace() if self._pace is None and self._like else self._pace or 1.0
        now = self._clock()
        running = ((now - since) / (cost_s + OVERHEAD_S) for since, cost_s in list(self._running.values()))
        return min(SLOWEST, max(known, *running, 0.0))

    def wait_s(self, more_s: float = 0.0) -> float:
        """Predict in how many seconds all that is in hand, and so much more, will be decoded."""
        return self.pace() * (self._in_hand_s + more_s) / self._num_decoders

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in hand."""
        return self._in_hand_s < OVERHEAD_S / 2  # sums of fractions seldom come to 0

    def add(self, cost_s: float) -> None:
        """Count an image in hand; below 0, one less."""
        with self._lock:
            self._in_hand_s = max(0.0, self._in_hand_s + cost_s)

    @contextmanager
    def acquire(self, cost_s: float, deadline: float) -> Iterator[T]:
        """Wait for a decoder and hold it.

        Raises:
            Overloaded: it has turned out that it cannot be decoded in time.
            DeadlineExceeded: no decoder was free in time.
        """
        decoder = self._wait(cost_s, deadline)
        number, started = next(self._numbers), self._clock()
        self._running[number] = (started, cost_s)
        try:
            yield decoder
        finally:
            taken_s = self._clock() - started
            with self._lock:
                del self._running[number]
                if max(taken_s, cost_s) > SHORTEST_S:
                    pace = min(SLOWEST, taken_s / (cost_s + OVERHEAD_S))
                    self._pace = pace if self._pace is None else self._pace + WEIGHT * (pace - self._pace)
                self._release(decoder)

    def _wait(self, cost_s: float, deadline: float) -> T:
        now = self._clock()
        if now >= deadline:
            raise DeadlineExceeded(TOO_LATE)
        with self._lock:
            if self._free:
                return self._free.pop()
            waiter: _Waiter[T] = _Waiter(now + PATIENCE * cost_s, next(self._numbers), cost_s)
            heapq.heappush(self._waiting, waiter)
        while True:
            waiter.is_served.wait(min(LOOK_AGAIN_S, max(0.0, deadline - self._clock())))
            with self._lock:
                needs_s = self._needs_s(waiter)
                if self._clock() + needs_s <= deadline:
                    if waiter.given:
                        return waiter.given[0]
                    continue
                waiter.has_gone = True
                if waiter.given:
                    self._release(waiter.given[0])
            if self._clock() >= deadline:
                raise DeadlineExceeded(TOO_LATE)
            raise Overloaded("decoding takes longer than it did, try again later", wait_s=needs_s)

    def _needs_s(self, waiter: _Waiter[T]) -> float:
        """Predict in how many seconds a waiter's image will be decoded: after those that come before it."""
        if waiter.given:
            return self.pace() * waiter.cost_s
        before_s = sum(other.cost_s for other in self._waiting if other < waiter and not other.has_gone)
        return self.pace() * (before_s / self._num_decoders + waiter.cost_s)

    def _release(self, decoder: T) -> None:
        while self._waiting:
            waiter = heapq.heappop(self._waiting)
            if not waiter.has_gone:
                waiter.given.append(decoder)
                waiter.is_served.set()
                return
        self._free.append(decoder)


class _Waiter(Generic[T]):
    """A thread that waits, its turn, and the decoder that it has been given."""

    def __init__(self, turn: float, number: int, cost_s: float) -> None:
        self._order = (turn, number)
        self.cost_s = cost_s
        self.is_served = threading.Event()
        self.given: list[T] = []
        self.has_gone = False

    def __lt__(self, other: _Waiter[T]) -> bool:
        return self._order < other._order
