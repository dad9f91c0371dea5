"""Show how far the training is, how fast it goes and how long it will take, in one line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

from models.duration import duration


class Progress:
    """Rewrites its line on a terminal a few times a second; elsewhere prints one line every half minute; on stderr."""

    def __init__(
        self,
        *,
        num_steps: int,
        batch_size: int,
        work: Callable[[int], float] = float,
        out: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin.

        Args:
            num_steps: steps of the whole run.
            batch_size: images a step.
            work: work of the first n steps together, in any unit, where steps differ in it.
            out: takes the lines; standard error if None.
            clock: gives seconds.
        """
        self._num_steps = num_steps
        self._work = work
        self._batch_size = batch_size
        self._out = out or sys.stderr
        self._clock = clock
        self._is_terminal = self._out.isatty()
        self._interval_s = 0.25 if self._is_terminal else 30.0
        self._begun_s = self._written_s = clock()
        self._num_steps_here = 0

    @property
    def images_per_s(self) -> float:
        """Images a second since this process began."""
        return self._num_steps_here * self._batch_size / max(1e-9, self._clock() - self._begun_s)

    def advance(self, step: int, text: Callable[[], str], *, num_steps: int = 1) -> None:
        """Count steps up to `step`, from 1 over the whole run, and show the line if it is due, by calling `text`."""
        self._num_steps_here += num_steps
        if self._clock() - self._written_s < self._interval_s and step != self._num_steps:
            return
        self._written_s = self._clock()
        done = self._work(step) - self._work(step - self._num_steps_here)
        left_s = (self._clock() - self._begun_s) * (self._work(self._num_steps) - self._work(step)) / done
        line = f"step {step}/{self._num_steps}  {text()}  {self.images_per_s:.0f} images/s  {duration(left_s)} left"
        self._out.write(f"\r\x1b[K{line}" if self._is_terminal else f"{line}\n")
        self._out.flush()

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self._out.write(f"\r\x1b[K{text}\n" if self._is_terminal else f"{text}\n")
        self._out.flush()

    def end(self) -> None:
        """Take the line off a terminal, before others print theirs there."""
        if self._is_terminal:
            self._out.write("\r\x1b[K")
            self._out.flush()
