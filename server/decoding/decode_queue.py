"""A queue of images that wait for a decoder, of which each decodes one at a time.

Owns no thread; request threads wait in it. What is in hand is counted in estimated seconds; how long it will take is
known from how long such seconds took lately, as `server.engine.service_rate` knows it of the engine, and from how long
what runs now has taken already.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from models.errors import OpsinError
from server.decoding.fair_queue import FairQueue, class_of, share_s, sum_by_class
from server.engine.errors import DeadlineExceeded
from server.request_errors import Overloaded

T = TypeVar("T")

WEIGHT = 0.1  # of the newest image in the moving average, once there have been some
SHORTEST_S = 0.005  # less says more of the overhead than of the pace
SLOWEST = 50.0  # times the estimate
LOOK_AGAIN_S = 0.25  # whether there is still time, and still a client


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
        self._waiting: FairQueue[_Waiter[T]] = FairQueue()
        self._numbers = itertools.count()
        self._running: dict[int, _Running] = {}
        self._in_hand: Counter[_Image] = Counter()  # how many there are of each, those that run included
        self._log_pace, self._num_decoded = 0.0, 0

    def pace(self) -> float:
        """Tell how many seconds an estimated one took of late: a geometric mean, which one bad image hardly moves."""
        return math.exp(self._log_pace) if self._num_decoded or not self._like else self._like.pace()

    def wait_s(self, more_s: Sequence[float] = (), *, request_size: int = 1) -> float:
        """Predict in how many seconds images of these costs will be decoded, too; without any, all that is in hand.

        Args:
            more_s: the costs.
            request_size: the number of images of their request, those that another queue decodes included.
        """
        with self._lock:
            waiting = self._in_hand - Counter(running.image for running in self._running.values())
            running_s = self._running_s()
        sums_s = sum_by_class((*(image.cost_s for image in waiting.elements()), *more_s))
        # Half of the turns are those of the smallest requests: one waits for those that are no larger, twice.
        not_larger = [image.cost_s for image in waiting.elements() if image.request_size <= request_size]
        passed_s = sum_by_class((*not_larger, *not_larger, *more_s))
        own_s = max((min(sums_s[each], passed_s[each]) for each in map(class_of, more_s)), default=math.inf)
        return (running_s + self.pace() * share_s(sums_s, own_s)) / self._num_decoders

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in hand."""
        return not self._in_hand

    def add(self, cost_s: float, *, request_size: int = 1) -> None:
        """Count an image in hand, of a request with so many."""
        with self._lock:
            self._in_hand[_Image(cost_s, request_size)] += 1

    def remove(self, cost_s: float, *, request_size: int = 1) -> None:
        """Count an image in hand no more."""
        image = _Image(cost_s, request_size)
        with self._lock:
            self._in_hand[image] -= 1
            if not self._in_hand[image]:
                del self._in_hand[image]

    @contextmanager
    def acquire(
        self,
        cost_s: float,
        deadline: float,
        *,
        request_size: int = 1,
        check_client: Callable[[], object] = lambda: None,
    ) -> Iterator[T]:
        """Wait for a decoder and hold it.

        Args:
            cost_s: seconds that the image should take.
            deadline: in seconds of the clock.
            request_size: the number of images of its request.
            check_client: raises an OpsinError where nobody waits for the image any more.

        Raises:
            Overloaded: it has turned out that it cannot be decoded in time.
            DeadlineExceeded: there was no time left to begin with.
        """
        if self._clock() >= deadline:
            raise DeadlineExceeded("the request's deadline passed while its images were decoded")
        image = _Image(cost_s, request_size)
        decoder = self._wait(image, deadline, check_client)
        number, started = next(self._numbers), self._clock()
        with self._lock:
            self._running[number] = _Running(started, image, deadline)
        try:
            yield decoder
        finally:
            taken_s = self._clock() - started
            with self._lock:
                del self._running[number]
                self._note_pace(taken_s, cost_s)
                self._release(decoder)

    def _note_pace(self, taken_s: float, cost_s: float) -> None:
        if max(taken_s, cost_s) <= SHORTEST_S:
            return
        before = math.log(self.pace())
        pace = min(SLOWEST, max(1 / SLOWEST, taken_s / cost_s))
        self._num_decoded += 1
        weight = max(WEIGHT, 1 / (self._num_decoded + 1))  # what was believed at first counts as one image
        self._log_pace = before + weight * (math.log(pace) - before)

    def _wait(self, image: _Image, deadline: float, check_client: Callable[[], object]) -> T:
        with self._lock:
            if self._free:
                return self._free.pop()
            waiter: _Waiter[T] = _Waiter(image)
            self._waiting.append(waiter)
        try:
            while not waiter.is_served.wait(min(LOOK_AGAIN_S, max(0.0, deadline - self._clock()))):
                self._check_time(waiter, deadline)
                check_client()
            self._check_time(waiter, deadline)
            check_client()
        except OpsinError:
            with self._lock:
                if waiter.given:
                    self._release(waiter.given[0])
                else:
                    self._waiting.remove(waiter)
            raise
        return waiter.given[0]

    def _check_time(self, waiter: _Waiter[T], deadline: float) -> None:
        with self._lock:
            needs_s = self.pace() * waiter.cost_s
            if not waiter.given:
                before_s = self._running_s() + self.pace() * self._waiting.before_s(waiter)
                needs_s += before_s / self._num_decoders
        if self._clock() + needs_s > deadline:
            raise Overloaded("decoding takes longer than it did, try again later", wait_s=needs_s)

    def _running_s(self) -> float:
        """Predict how long what runs now will go on, all together."""
        now, pace = self._clock(), self.pace()
        return sum(running.left_s(now, pace) for running in self._running.values())

    def _release(self, decoder: T) -> None:
        if not self._waiting:
            self._free.append(decoder)
            return
        waiter = self._waiting.pop()
        waiter.given.append(decoder)
        waiter.is_served.set()


class _Waiter(Generic[T]):
    """A thread that waits, and the decoder that it has been given."""

    def __init__(self, image: _Image) -> None:
        self.cost_s, self.request_size = image
        self.is_served = threading.Event()
        self.given: list[T] = []


class _Image(NamedTuple):
    """What an image should take, and how many its request has."""

    cost_s: float
    request_size: int


@dataclass(frozen=True, slots=True)
class _Running:
    """An image that is decoded now."""

    since: float
    image: _Image
    deadline: float

    def left_s(self, now: float, pace: float) -> float:
        """Predict how long it will go on: what it outlasts its estimate by, it may outlast that by again."""
        left_s = abs(pace * self.image.cost_s - (now - self.since))
        return min(left_s, self.deadline - now) if now < self.deadline else left_s
