"""The turns of leaders: how long they take of late, and a timer for the one that does not end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from server.http.timer import Timer

TURN_S = 0.01  # after which another thread leads; several times what a brief request takes
WEIGHT = 0.05  # of the newest turn in the moving average

T = TypeVar("T")


class Turns(Generic[T]):
    """To be used under a lock, but for its attributes.

    Args:
        clock: monotonic.

    Attributes:
        usual_s: what one took of late.
        fd: becomes readable when there is one that is `overdue`.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._timer = clock, Timer(TURN_S)
        self._began: dict[T, float] = {}
        self.usual_s, self.fd = 0.0, self._timer.fd

    def begin(self, who: T) -> None:
        """Begin a turn."""
        self._began[who] = self._clock()
        self._timer.begin()

    def end(self, who: T, *, is_passed_on: bool = False) -> None:
        """End it; one that was passed on kept nobody waiting, and says nothing of the others."""
        took_s = self._clock() - self._began.pop(who)
        if not is_passed_on:
            self.usual_s += WEIGHT * (took_s - self.usual_s)
        if not self._began:
            self._timer.end()

    def overdue(self) -> list[T]:
        """List whose turn has lasted too long; tells of the others when theirs has."""
        until = self._clock() - TURN_S
        late = [who for who, began in self._began.items() if began <= until]
        self._timer.end()
        if len(late) < len(self._began):
            self._timer.begin()
        return late

    def close(self) -> None:
        """Close the timer."""
        self._timer.close()
