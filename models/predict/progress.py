"""Shows how many pictures are done, how fast it goes and how long it will take, in one line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

from models.duration import duration


class Progress:
    """Rewrites its line on a terminal a few times a second; elsewhere prints one every half minute; on stderr.

    Args:
        num_pictures: of the whole run.
        first: done before this process began.
        out: takes the lines; standard error if None.
        clock: gives seconds.
    """

    def __init__(
        self,
        num_pictures: int,
        *,
        first: int,
        out: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._num_pictures, self._first = num_pictures, first
        self._out, self._clock = out or sys.stderr, clock
        self._is_terminal = self._out.isatty()
        self._interval_s = 0.25 if self._is_terminal else 30.0
        self._begun_s = self._written_s = clock()

    def show(self, num_done: int, num_errors: int) -> None:
        """Show the line if it is due."""
        now_s = self._clock()
        if now_s - self._written_s < self._interval_s or num_done == self._first:
            return
        self._written_s = now_s
        per_s = (num_done - self._first) / (now_s - self._begun_s)
        left = duration((self._num_pictures - num_done) / per_s)
        errors = f"  {num_errors:,} with an error" if num_errors else ""
        line = f"{num_done:,} of {self._num_pictures:,} pictures  {per_s:.0f}/s  {left} left{errors}"
        self._out.write(f"\r\x1b[K{line}" if self._is_terminal else f"{line}\n")
        self._out.flush()

    def end(self) -> None:
        """Clear the line of a terminal."""
        if self._is_terminal:
            self._out.write("\r\x1b[K")
            self._out.flush()
