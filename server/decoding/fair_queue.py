"""A queue in which small and large images have equal shares of the time, however many wait of either.

Self-clocked fair queueing (Golestani, INFOCOM 1994) among classes of cost; in a class, in turn (`server.engine.turns`).
So an image waits for no more of another class than for its own, and none waits for ever. Not safe to use from many
threads.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Generic, Protocol, TypeVar

import numpy as np

from server.engine.turns import in_turn


class Costly(Protocol):
    """What waits: it takes `cost_s` seconds, and its request has so many images."""

    cost_s: float
    request_size: int


C = TypeVar("C", bound=Costly)


def class_of(cost_s: float) -> int:
    """Tell the class of a cost: costs of one are within a factor of four."""
    return math.frexp(cost_s)[1] // 2


def sum_by_class(costs_s: Iterable[float]) -> dict[int, float]:
    """Add costs up, those of each class."""
    sums: dict[int, float] = {}
    for cost_s in costs_s:
        sums[class_of(cost_s)] = sums.get(class_of(cost_s), 0.0) + cost_s
    return sums


def share_s(sums_s: Mapping[int, float], own_s: float) -> float:
    """Tell how much is served, of all classes, until so much is of one."""
    return sum(min(sum_s, own_s) for sum_s in sums_s.values())


class FairQueue(Generic[C]):
    """See the module."""

    def __init__(self) -> None:
        self._classes: dict[int, deque[C]] = {}  # those in which something waits
        self._served_s: dict[int, float] = {}  # virtual time: how much each class has had, or could have had
        self._now_s = 0.0  # virtual time
        self._oldest_first: set[int] = set()  # the classes in which it is the oldest one's turn

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._classes)

    def append(self, item: C) -> None:
        """Let an item wait."""
        number = class_of(item.cost_s)
        if number not in self._classes:
            self._classes[number] = deque()
            self._served_s[number] = max(self._now_s, self._served_s.get(number, 0.0))
        self._classes[number].append(item)

    def pop(self) -> C:
        """Take the next one out."""
        first = {number: self._in_turn(number)[0] for number in self._classes}
        number = min(first, key=lambda number: self._served_s[number] + first[number].cost_s)
        item = first[number]
        self._now_s = self._served_s[number] = self._served_s[number] + item.cost_s
        self._oldest_first ^= {number}
        self.remove(item)
        return item

    def remove(self, item: C) -> None:
        """Let an item wait no more."""
        number = class_of(item.cost_s)
        self._classes[number].remove(item)
        if not self._classes[number]:
            del self._classes[number]
        if not self._classes:
            self._served_s, self._now_s = {}, 0.0

    def _in_turn(self, number: int) -> list[C]:
        waiting = self._classes[number]
        sizes = np.fromiter((item.request_size for item in waiting), np.uint64, len(waiting))
        return [waiting[index] for index in in_turn(sizes, is_oldest_first=number in self._oldest_first)]

    def before_s(self, item: C) -> float:
        """Tell how much will be served before an item that waits, if nothing comes after it."""
        number, own_s = class_of(item.cost_s), 0.0
        for other in self._in_turn(number):
            own_s += other.cost_s
            if other is item:
                break
        sums_s = {each: sum(other.cost_s for other in waiting) for each, waiting in self._classes.items()}
        return share_s(sums_s, own_s) - item.cost_s
