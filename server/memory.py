"""Gives memory back to the system that the C library keeps for later (mallopt(3), malloc_trim(3))."""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from collections.abc import Callable

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
# The C library would give each thread of hundreds a heap of its own, and none of them back.
MAX_ARENAS = 2
# What is larger is mapped for itself and unmapped when it is freed. Left alone, the C library would raise this to the
# largest block that was ever freed, and keep twice as much at the end of each heap, which malloc_trim does not touch.
# A JPEG is decoded at less than twice the size that a model takes, which is less.
MAPPED_FROM_BYTES = 2 * 1024**2
PERIOD_S = 5.0
WORK_S = 0.02  # of processor time in a period; a process that does less has nothing to do

_libc = ctypes.CDLL(None)


def limit_arenas() -> None:
    """Let all threads, of this process and those forked from it, share a few heaps."""
    _libc.mallopt(M_ARENA_MAX, MAX_ARENAS)
    _libc.mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES)
    _libc.mallopt(M_TRIM_THRESHOLD, 2 * MAPPED_FROM_BYTES)


def trim() -> None:
    """Give back every page that nothing is on, in the midst of heaps too. It takes about a millisecond."""
    _libc.malloc_trim(0)


class Trimming:
    """Trims after each period in which the process worked, and once when it works no more, with a full collection.

    Args:
        cpu_s: tells the processor time of this process.
        trim: gives back what it can.
        collect: frees what only a cycle of dead objects holds; other threads wait meanwhile.
        forget: gives up what is kept for the next request, once the process works no more.
    """

    def __init__(
        self,
        *,
        cpu_s: Callable[[], float] = time.process_time,
        trim: Callable[[], object] = trim,
        collect: Callable[[], object] = gc.collect,
        forget: Callable[[], object] = lambda: None,
    ) -> None:
        self._cpu_s, self._trim, self._collect, self._forget = cpu_s, trim, collect, forget
        self._before_s = cpu_s()
        self._has_worked = False

    def look(self) -> None:
        """Trim if the process has worked since the last look, or did so before it."""
        works = self._cpu_s() > self._before_s + WORK_S
        if works or self._has_worked:
            if not works:
                self._collect()
                self._forget()
            self._trim()
        self._has_worked = works
        self._before_s = self._cpu_s()

    def start(self) -> None:
        """Look for as long as the process lives, in a thread of its own."""

        def look_for_ever() -> None:
            while True:
                time.sleep(PERIOD_S)
                self.look()

        threading.Thread(target=look_for_ever, name="opsin-trimming", daemon=True).start()
