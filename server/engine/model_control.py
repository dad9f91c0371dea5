"""Passes what operators ask of a running server to all its engines: which models to unload, which to look at again.

It lives in memory that all processes share, made before the first fork, and so outlives each of them but the master.
HTTP workers write it, one at a time, by a lock that the kernel takes from whoever dies with it; a new state is written
beside the one in force and then, by one number, put in force. An engine looks as often as at the repository, and says
by that number which state it has followed.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import numpy as np

from server.engine.errors import EngineError
from server.engine.fence import Fence

STATE_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class ControlState:
    """What is asked of the engines.

    Attributes:
        number: of this state; each has a higher one than that before.
        unloaded: why, by name, models are not to be served.
        asked_at: by name, the number of the state with which a model was to be loaded, until every engine has it.
    """

    number: int = 0
    unloaded: Mapping[str, str] = field(default_factory=dict)
    asked_at: Mapping[str, int] = field(default_factory=dict)


class ModelControl:
    """See the module. Any number of threads and processes may use it."""

    def __init__(self, num_engines: int) -> None:
        self._halves = mmap.mmap(-1, 2 * STATE_BYTES)
        self._number = np.frombuffer(mmap.mmap(-1, 8), np.uint64)
        self._sizes = np.frombuffer(mmap.mmap(-1, 16), np.uint64)
        self._followed = np.frombuffer(mmap.mmap(-1, 8 * num_engines), np.uint64)
        self._lock_file = os.memfd_create("opsin-control")
        self._threads, self._fence = threading.Lock(), Fence()
        self._known = ControlState()

    def read(self) -> ControlState:
        """Read the state in force."""
        while True:
            number = int(self._number[0])
            if (known := self._known).number == number:
                return known
            self._fence()
            start = number % 2 * STATE_BYTES
            content = self._halves[start : start + int(self._sizes[number % 2])]
            self._fence()
            if int(self._number[0]) == number:
                self._known = ControlState(**json.loads(content))

    def unload(self, name: str, reason: str) -> int:
        """Ask that a model be not served; returns the number of the state."""
        with self._locked() as before:
            asked_at = {other: number for other, number in before.asked_at.items() if other != name}
            return self._write(ControlState(before.number + 1, {**before.unloaded, name: reason}, asked_at))

    def load(self, name: str) -> int:
        """Ask that a model be served, as the repository has it now; returns the number of the state."""
        with self._locked() as before:
            unloaded = {other: reason for other, reason in before.unloaded.items() if other != name}
            followed = int(self._followed.min())
            asked_at = {other: number for other, number in before.asked_at.items() if number > followed}
            return self._write(ControlState(before.number + 1, unloaded, {**asked_at, name: before.number + 1}))

    def note_followed(self, engine: int, state: ControlState) -> None:
        """Say that an engine does what a state asks, as far as it can."""
        self._followed[engine] = state.number

    def number_followed(self, engine: int) -> int:
        """Tell which state an engine, or one before it in its place, has followed."""
        return int(self._followed[engine])

    def is_followed(self, number: int) -> bool:
        """Tell whether every engine has followed a state."""
        return bool((self._followed >= number).all())

    def close(self) -> None:
        """Close its file; a second call does nothing."""
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1

    @contextmanager
    def _locked(self) -> Iterator[ControlState]:
        """Keep other writers waiting: other threads by a lock of this process, which record locks are not for."""
        with self._threads:
            fcntl.lockf(self._lock_file, fcntl.LOCK_EX)
            try:
                yield self.read()
            finally:
                fcntl.lockf(self._lock_file, fcntl.LOCK_UN)

    def _write(self, state: ControlState) -> int:
        content = json.dumps(asdict(state)).encode()
        if len(content) > STATE_BYTES:
            raise EngineError("too many models are unloaded")
        start = state.number % 2 * STATE_BYTES
        self._halves[start : start + len(content)] = content
        self._sizes[state.number % 2] = len(content)
        self._fence()
        self._number[0] = state.number
        return state.number
