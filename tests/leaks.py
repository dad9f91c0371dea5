"""Finds what a test leaves behind: threads, descriptors, child processes and shared memory of ours."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

GRACE_S = 20.0  # for what is on its way out when the test ends, and for what a test beside it removes in its own end
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - looked at, not written to


@dataclass(frozen=True)
class Resources:
    """What this process holds, as text that says what it is."""

    threads: frozenset[threading.Thread]
    descriptors: frozenset[str]
    children: frozenset[str]
    segments: frozenset[str]

    @classmethod
    def now(cls):
        return cls(frozenset(threading.enumerate()), _descriptors(), _children(), _abandoned_segments())

    def added_since(self, before):
        return [
            *(f"thread {thread.name}" for thread in self.threads - before.threads),
            *(f"descriptor {descriptor}" for descriptor in sorted(self.descriptors - before.descriptors)),
            *(f"child {child}" for child in sorted(self.children - before.children)),
            *(f"segment {segment}" for segment in sorted(self.segments - before.segments)),
        ]


@pytest.fixture(autouse=True)
def nothing_is_left():
    """Fails a test that leaves something behind; for the conftest.py of tests that start threads or processes."""
    before = Resources.now()
    yield
    leaked = leaked_since(before)
    assert not leaked, leaked


def leaked_since(before, *, grace_s=None):
    """What there is that was not there before, once it has had time to go."""
    give_up_at = time.monotonic() + (GRACE_S if grace_s is None else grace_s)
    pause_s = 0.01
    while True:
        leaked = Resources.now().added_since(before)
        if not leaked or time.monotonic() >= give_up_at:
            return leaked
        gc.collect()  # what only a cycle of dead objects holds is not held
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.5)  # a collection beside TensorFlow takes a tenth of a second


def _descriptors():
    descriptors = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists the folder
            descriptors.add(f"{descriptor.name} {descriptor.readlink()}")
    return frozenset(descriptors)


def _children():
    children = set()
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            for pid in (thread / "children").read_text().split():
                children.add(f"{pid} {Path(f'/proc/{pid}/cmdline').read_text().replace(chr(0), ' ')}")
    return frozenset(children)


def _abandoned_segments():
    """Folders of ours that no process has locked; a server that runs beside the tests has its own locked."""
    locked = {line.split()[-3].rpartition(":")[2] for line in Path("/proc/locks").read_text().splitlines()}
    abandoned = set()
    for folder in SHARED_MEMORY.glob("opsin-*"):
        with contextlib.suppress(OSError):
            if str(folder.stat().st_ino) not in locked:
                abandoned.add(str(folder))
    return frozenset(abandoned)
