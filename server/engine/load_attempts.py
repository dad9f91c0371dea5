"""Remembers versions that could not be loaded or ended the engine, and when to try them again.

A version is noted in the slot table, which outlives the engines, before it is loaded, and crossed out once that has
ended, well or with an error. So what stands there when an engine starts is what its predecessors died of, one note for
each death.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from models.errors import OpsinError
from server.engine.catalogue import Catalogue, key_of

log = logging.getLogger("opsin.engine")

RETRY_S = 30.0  # after which a version that could not be loaded is tried again
MAX_DEATHS = 3  # of engines, after which it is not


class VersionRefused(OpsinError):
    """A version cannot be loaded, or could not a moment ago."""

    code = "version_refused"


class LoadAttempts:
    """The versions that one engine tried to load; several threads may load some.

    Args:
        notes: uint64 [table.MAX_LOAD_ATTEMPTS], keys of versions; 0 is a free place.
        before: what served before this engine started; it is loaded in any case, for there is nothing better.
        clock: monotonic.
    """

    def __init__(
        self, notes: NDArray[np.uint64], *, before: Catalogue, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._notes, self._clock = notes, clock
        self._lock = threading.Lock()  # of the notes
        self._before = {key_of(model.name, model.version) for model in before.models_of_their_own}
        self._refused: dict[int, tuple[float, str]] = {}  # when to try again, and why not before
        self._explained: dict[int, str] = {}  # whose traceback the log has

    @contextmanager
    def attempt(self, name: str, version: int) -> Iterator[None]:
        """Load a version within; whatever a library raises there, it is of this version alone.

        Raises:
            VersionRefused: it cannot be loaded; the text says why.
        """
        key, started = key_of(name, version), self._clock()
        refusal = _refusal(name, version)
        self.check(name, version)
        with self._lock:
            self._notes[np.argmin(self._notes)] = key  # where no place is free, one of the others gives way
        try:
            yield
        except Exception as error:  # what is no Exception ends the engine, and stays noted
            self._cross_out(key)
            if not isinstance(error, OpsinError) and self._explained.get(key) != repr(error):
                self._explained[key] = repr(error)
                log.exception("%s", refusal)
            reason = f"{refusal}: {error if isinstance(error, OpsinError) else 'loading it failed'}"
            self._refused[key] = (self._clock() + RETRY_S, reason)
            raise VersionRefused(reason) from error
        self._cross_out(key)
        self._refused.pop(key, None)
        self._explained.pop(key, None)
        log.info("loaded model %s version %d in %.2f s", name, version, self._clock() - started)

    def forget_deaths(self) -> None:
        """Have the next engine try everything."""
        self._notes[:] = 0

    def forget_refusal(self, name: str, version: int) -> None:
        """Try a version again when it is wanted next, unless that has ended too many engines."""
        key = key_of(name, version)
        again_at, reason = self._refused.get(key, (math.inf, ""))
        if again_at < math.inf:
            self._refused[key] = (-math.inf, reason)

    def _cross_out(self, key: int) -> None:
        with self._lock:
            self._notes[self._notes == key] = 0

    def check(self, name: str, version: int) -> None:
        """Raise VersionRefused where a version is not to be tried now."""
        key, refusal = key_of(name, version), _refusal(name, version)
        num_deaths = int(np.count_nonzero(self._notes == key))
        if num_deaths and key not in self._before and key not in self._refused:
            again_at, reason = self._clock() + RETRY_S, f"{refusal}: loading it ended the engine"
            if num_deaths >= MAX_DEATHS:
                again_at, reason = math.inf, f"{reason} {num_deaths} times; it is tried again when the server restarts"
            self._refused[key] = (again_at, reason)
        again_at, reason = self._refused.get(key, (-math.inf, ""))
        if self._clock() < again_at:
            raise VersionRefused(reason)

    def check_last(self, name: str, version: int) -> None:
        """Raise VersionRefused where the last attempt with a version failed, although it may be tried again."""
        if last := self._refused.get(key_of(name, version)):
            raise VersionRefused(last[1])


def _refusal(name: str, version: int) -> str:
    return f"model {name!r} version {version} cannot be served"
