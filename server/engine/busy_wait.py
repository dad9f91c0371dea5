"""Waits without sleeping for what comes within a moment: to be woken costs a lone image a tenth of a millisecond.

It takes a core that has nothing else to do. Where others want it, which the system's count of preemptions tells, nobody
waits like that for a while: what waits would take from what it waits for.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

LONGEST_S = 0.003
PAUSE_S = 1.0  # after a wait in which others wanted the core


def num_preemptions() -> int:
    """Count how often the system took the core from this thread for another one."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw


class BusyWait:
    """For one thread at a time.

    Args:
        clock: monotonic.
        num_preemptions: of the thread that waits.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        num_preemptions: Callable[[], int] = num_preemptions,
    ) -> None:
        self._clock, self._num_preemptions = clock, num_preemptions
        self._paused_until = 0.0

    def wait(self, has_come: Callable[[], bool]) -> bool:
        """Look until something has come; False where it does not in time, or others want the core."""
        now = self._clock()
        if now < self._paused_until:
            return False
        before = self._num_preemptions()
        while not (is_over := has_come()) and self._clock() < now + LONGEST_S:
            pass
        if self._num_preemptions() > before:
            self._paused_until = self._clock() + PAUSE_S
        return is_over
