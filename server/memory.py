"""Gives memory back to the system that the C library keeps for later (mallopt(3), malloc_trim(3))."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

M_ARENA_MAX = -8
# The C library would give each thread of hundreds a heap of its own, and none of them back.
MAX_ARENAS = 2
PERIOD_S = 5.0
GROWTH_BYTES = 1024**2  # since it was given back last; less is not worth the walk through all heaps

_libc = ctypes.CDLL(None)


def limit_arenas() -> None:
    """Let all threads, of this process and those forked from it, share a few heaps."""
    _libc.mallopt(M_ARENA_MAX, MAX_ARENAS)


def trim() -> None:
    """Give back every page that nothing is on, in the midst of heaps too. It takes about a millisecond."""
    _libc.malloc_trim(0)


def resident_bytes() -> int:
    """Read how much memory this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Trimming:
    """Trims whenever the process has grown; one look in each period.

    Args:
        resident: tells its memory in bytes.
        trim: gives back what it can.
    """

    def __init__(self, *, resident: Callable[[], int] = resident_bytes, trim: Callable[[], None] = trim) -> None:
        self._resident, self._trim = resident, trim
        self._after_last = resident()

    def look(self) -> None:
        """Trim if the process has grown since the last time."""
        if self._resident() > self._after_last + GROWTH_BYTES:
            self._trim()
            self._after_last = self._resident()
        else:
            self._after_last = min(self._after_last, self._resident())

    def start(self) -> None:
        """Look for as long as the process lives, in a thread of its own."""

        def look_for_ever() -> None:
            while True:
                time.sleep(PERIOD_S)
                self.look()

        threading.Thread(target=look_for_ever, name="opsin-trimming", daemon=True).start()
