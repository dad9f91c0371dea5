"""Supervises the engines: starts them, notices when one dies or hangs, and starts it anew.

Lives in gunicorn's master, which calls `check` whenever a child has ended and at least once a second. Owns the engine
processes. An engine that dies leaves its work in the slot table; its successor, or another engine, finds it there.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from server.children import describe_status, fork_child, status_of
from server.engine.slot_table import SlotTable

log = logging.getLogger("opsin.supervisor")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0  # before an engine that could not start is started again
STANDSTILL_S = 3.0  # between two calls of `check` that should be one apart


@dataclass(slots=True)
class Child:
    """One engine process.

    Attributes:
        pid: 0 while it does not run.
        started_at: monotonic seconds.
        start_at: when it may be started, in monotonic seconds.
        pause_s: the pause before its last start.
    """

    pid: int = 0
    started_at: float = 0.0
    start_at: float = 0.0
    pause_s: float = 0.0


class EngineBroken(Exception):
    """An engine could not start the first time.

    Attributes:
        status: its exit status, or minus the signal that ended it.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"the engine could not start ({describe_status(status)})")
        self.status = status


class Supervisor:
    """The parent of the engine processes.

    Args:
        table: what the engines work on.
        engine_main: what an engine does, in the forked process, given its number.
        timeout_s: without a heartbeat, or within one batch, after which an engine counts as hung.
        note_crash: called with the keys of the versions that an engine ran, or tried to load, when it crashed or hung.
        clock: monotonic.
    """

    def __init__(
        self,
        table: SlotTable,
        engine_main: Callable[[int], object],
        *,
        timeout_s: float,
        note_crash: Callable[[Sequence[int]], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table, self._engine_main, self._timeout_s, self._clock = table, engine_main, timeout_s, clock
        self._note_crash = note_crash
        self._children = [Child() for _ in range(table.num_engines)]
        self._is_broken = False
        self._checked_at = clock()
        self._trusts_until = 0.0
        self._has_been_ready = np.zeros(table.num_engines, np.bool_)

    @property
    def pids(self) -> list[int]:
        """The process numbers of the engines that run."""
        return [child.pid for child in self._children if child.pid]

    def check(self) -> None:
        """Reap the engines that ended, kill those that hang, start those that are missing.

        Raises:
            EngineBroken: an engine ended before it had ever been ready; said once, and nothing is started any more.
        """
        if self._is_broken:
            return
        now = self._clock()
        if now - self._checked_at > max(STANDSTILL_S, self._timeout_s / 2):
            # This process, or the whole machine, stood still, and the engine may have, too.
            self._trusts_until = now + self._timeout_s
        self._checked_at = now
        self._has_been_ready |= self._table.is_ready.astype(np.bool_)
        for number, child in enumerate(self._children):
            if child.pid and self._is_hung(number):
                log.error("engine %d (pid %d) hangs, it is killed and started anew", number, child.pid)
                self._note_crash(self._table.models_running(number))
                os.kill(child.pid, signal.SIGKILL)
            if child.pid and (status := status_of(child.pid)) is not None:
                self._reap(number, child, status)
            if not child.pid and self._clock() >= child.start_at:
                self._start(number, child)

    def stop(self) -> None:
        """End the engines; what is in the slot table stays there. A second call does nothing."""
        for child in self._children:
            if child.pid:
                os.kill(child.pid, signal.SIGKILL)
                status_of(child.pid, wait=True)
                child.pid = 0

    def _start(self, number: int, child: Child) -> None:
        self._table.heartbeat[number] = child.started_at = self._clock()
        self._table.running_since[number] = 0.0
        child.pid = fork_child(lambda: self._engine_main(number))

    @property
    def is_trustworthy(self) -> bool:
        """Whether a process that shows no life hangs: neither the machine nor this process stood still lately."""
        return self._clock() >= self._trusts_until

    def _is_hung(self, number: int) -> bool:
        now = self._clock()
        if not self.is_trustworthy:
            return False
        if now - self._table.heartbeat[number] > self._timeout_s:
            return True
        running_since = self._table.running_since[number].copy()  # which the runners change meanwhile
        return bool(((running_since > 0) & (now - running_since > self._timeout_s)).any())

    def _reap(self, number: int, child: Child, status: int) -> None:
        pid, child.pid = child.pid, 0
        was_ready, self._table.is_ready[number] = bool(self._table.is_ready[number]), 0
        self._has_been_ready[number] |= was_ready
        if not self._has_been_ready[number]:
            self._is_broken = True
            raise EngineBroken(status)
        log.error("engine %d (pid %d) ended (%s), it is started anew", number, pid, describe_status(status))
        if status != -signal.SIGKILL:  # else somebody else ended it, or it hung, which has been noted
            self._note_crash(self._table.models_running(number))
        self._table.num_restarts[number] += 1
        child.pause_s = 0.0 if was_ready else min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, 2 * child.pause_s))
        child.start_at = self._clock() + child.pause_s
        if self._table.is_ready.any():
            self._table.reassign(number, int(np.argmax(self._table.is_ready)))
