"""What HTTP workers run by themselves, in memory that outlives them: so the master knows what one died of, or hangs in.

A version that was being run or loaded when its worker ended is *barred*, and so is one that ended an engine: it is left
to the engine from then on, as long as the server runs. Each worker writes its own row, the master the versions that are
barred. Made before the first fork.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable, Iterable
from enum import IntEnum

MAX_BARRED = 256
RECENT_S = 0.005  # between two requests of a client that sends one after the other, a worker is idle for less


class Step(IntEnum):
    """What a worker does with a version."""

    RUN = 0
    LOAD = 1


class WorkerRuns:
    """See the module.

    Args:
        num_workers: partitions of the slot table.
        clock: monotonic.
    """

    def __init__(self, num_workers: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._num_workers, self._clock = num_workers, clock
        self._keys = memoryview(mmap.mmap(-1, len(Step) * num_workers * 8)).cast("Q")  # 0: nothing
        self._since = memoryview(mmap.mmap(-1, num_workers * 8)).cast("d")  # of what is run, and when that last ended
        self._barred = memoryview(mmap.mmap(-1, (1 + MAX_BARRED) * 8)).cast("Q")  # how many, and which

    def begin(self, worker: int, key: int, step: Step = Step.RUN) -> None:
        """Note a version before it is run or loaded; a worker runs one at a time, and loads one."""
        self._since[worker] = self._clock()
        self._keys[len(Step) * worker + step] = key

    def end(self, worker: int, step: Step = Step.RUN) -> None:
        """Note that it was, well or with an error."""
        self._keys[len(Step) * worker + step] = 0
        self._since[worker] = self._clock()

    def is_alone(self, worker: int) -> bool:
        """Tell whether no other worker runs anything, or did a moment ago."""
        since, recent = self._since, self._clock() - RECENT_S
        return all(
            other == worker or (since[other] < recent and not self._keys[len(Step) * other])
            for other in range(self._num_workers)
        )

    def hung(self, timeout_s: float) -> list[int]:
        """List the workers that have been running one image for longer."""
        until = self._clock() - timeout_s
        return [worker for worker in range(self._num_workers) if self._keys[2 * worker] and self._since[worker] < until]

    def leave(self, worker: int) -> None:
        """Forget what a worker does that ends of its own accord."""
        for step in Step:
            self._keys[len(Step) * worker + step] = 0

    def bar_what_ended(self, worker: int) -> list[int]:
        """Bar what a worker did when it ended; gives the keys of the versions."""
        own = range(len(Step) * worker, len(Step) * (worker + 1))
        keys = [self._keys[place] for place in own if self._keys[place]]
        self.leave(worker)
        self.bar(keys)
        return keys

    def bar(self, keys: Iterable[int]) -> None:
        """Leave versions to the engine from now on."""
        for key in keys:
            if not self.is_barred(key):
                self._barred[self.num_barred + 1] = key
                self._barred[0] += 1

    def is_barred(self, key: int) -> bool:
        """Tell whether a version is left to the engine; all are once MAX_BARRED have ended a process."""
        return self.num_barred == MAX_BARRED or key in self._barred[1 : self.num_barred + 1].tolist()

    @property
    def num_barred(self) -> int:
        """How many versions are."""
        return self._barred[0]
