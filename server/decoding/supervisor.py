"""Supervises the decoder processes: starts them, and starts another where one has ended.

Lives in gunicorn's master, as `server.engine.supervisor` does, and is called as often. They end themselves where an
image takes too long; here it is only told to whoever waits. One that stands still cannot, and is killed.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Sequence

from server.children import describe_status, fork_child, status_of
from server.decoding.task_channel import TaskChannel

log = logging.getLogger("opsin.supervisor")

# By its own timers; 0 is how it ended where gunicorn heard of it first.
USUAL_ENDS = (-signal.SIGALRM, -signal.SIGPROF, 0)
PAUSE_S = 1.0  # before one that ended without having begun a task is replaced
HANG_S = 5.0  # without beginning the task that it has; then its successor takes it


class DecoderSupervisor:
    """The parent of the decoder processes, one for each channel.

    Args:
        channels: made already.
        decoder_main: what a process does, given the number of its channel.
        clock: monotonic.
    """

    def __init__(
        self,
        channels: Sequence[TaskChannel],
        decoder_main: Callable[[int], object],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channels, self._main, self._clock = channels, decoder_main, clock
        self.pids = [0] * len(channels)
        self._start_at = [0.0] * len(channels)
        self._begun_before = [0] * len(channels)
        self._unbegun = [(0, 0.0)] * len(channels)  # the task that waits for its process, and since when

    def check(self) -> None:
        """Kill those that stand still, reap those that ended, tell their workers, and start those that are missing."""
        for number, pid in enumerate(self.pids):
            if pid and self._hangs(number):
                log.error("decoder %d (pid %d) hangs, it is killed and started anew", number, pid)
                os.kill(pid, signal.SIGKILL)
                self._unbegun[number] = (0, 0.0)
            if pid and (status := status_of(pid)) is not None:
                self._reap(number, status)
            if not self.pids[number] and self._clock() >= self._start_at[number]:
                self._begun_before[number] = self._channels[number].begun_task
                self.pids[number] = fork_child(lambda: self._main(number))  # noqa: B023 - runs before the next round

    def stop(self) -> None:
        """End them all. A second call does nothing."""
        for number, pid in enumerate(self.pids):
            if pid:
                os.kill(pid, signal.SIGKILL)
                status_of(pid, wait=True)
                self.pids[number] = 0

    def _hangs(self, number: int) -> bool:
        channel, now = self._channels[number], self._clock()
        task, since = self._unbegun[number]
        if channel.begun_task >= channel.last_task:
            self._unbegun[number] = (0, 0.0)
        elif channel.last_task != task:
            self._unbegun[number] = (channel.last_task, now)
        else:
            return now - since > HANG_S
        return False

    def _reap(self, number: int, status: int) -> None:
        level = logging.INFO if status in USUAL_ENDS else logging.WARNING
        log.log(level, "decoder %d (pid %d) ended (%s)", number, self.pids[number], describe_status(status))
        self.pids[number] = 0
        has_worked = self._channels[number].begun_task > self._begun_before[number]
        self._start_at[number] = self._clock() + (0.0 if has_worked else PAUSE_S)
        self._channels[number].tell_end(status)
