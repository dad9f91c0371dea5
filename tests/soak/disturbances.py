"""What is done to the server under load: versions come and go, processes are killed and stopped.

Half of the workers and decoders are spared, and from a quarter of the time on the engine: a process that is killed
gives back what it leaks, and nobody would see it.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time

from benchmarks import processes
from soak.background import Background
from soak.journal import Event, Journal
from soak.versions import Versions

ENGINE, WORKER, DECODER = "opsin: engine", "opsin: http", "opsin: decoder"
WORKER_STOPPED_S = 2.0  # less than a request waits
BROKEN_S = 2.0
LOOK_S = 0.2


class Disturbances(Background):
    """One after the other, in an order that is drawn anew each round; they end with the context.

    Args:
        pid: of the server's first process.
        versions: what is published and promoted.
        journal: where each is noted.
        pause_s: between two.
        spare_after_s: from then on the engine is spared, too.
        seed: of the order.
    """

    def __init__(
        self, pid: int, versions: Versions, journal: Journal, *, pause_s: float, spare_after_s: float, seed: int
    ) -> None:
        super().__init__("disturbances")
        self._pid, self._versions, self._journal, self._pause_s = pid, versions, journal, pause_s
        self._rng = random.Random(seed)
        self._spare_at = time.monotonic() + spare_after_s
        self.spared: set[int] = set()
        self._stopped: dict[int, Event] = {}
        self.failure: BaseException | None = None

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        for pid in processes.family(self._pid):
            self._signal(pid, signal.SIGCONT)
        if self.failure:
            raise self.failure

    def run(self) -> None:
        actions = [
            self._publish,
            self._promote,
            self._publish_broken,
            self._start_canary,
            self._start_shadow,
            lambda: self._kill(ENGINE),
            lambda: self._kill(WORKER),
            lambda: self._kill(DECODER),
            lambda: self._suspend(ENGINE),
            lambda: self._suspend(WORKER, continue_after_s=WORKER_STOPPED_S),
            lambda: self._suspend(DECODER),
        ]
        try:
            while True:
                self._rng.shuffle(actions)
                for act in actions:
                    if self._pause():
                        return
                    act()
        except BaseException as error:  # noqa: BLE001 - told by `__exit__`
            self.failure = error

    def _pause(self) -> bool:
        """Wait, and note when the server has replaced what was stopped; True where all is over."""
        until = time.monotonic() + self._pause_s
        while not self._is_over.wait(LOOK_S):
            for pid in [pid for pid in self._stopped if not is_stopped(pid)]:
                self._journal.end(self._stopped.pop(pid))
            if time.monotonic() > until:
                return False
        return True

    def _publish(self) -> None:
        self._journal.note("publish a version")
        self._versions.publish()

    def _promote(self) -> None:
        self._journal.note("promote another version")
        self._versions.promote()

    def _publish_broken(self) -> None:
        self._journal.note("publish a broken version")
        self._versions.publish_broken(BROKEN_S)

    def _start_canary(self) -> None:
        self._journal.note("start a canary")
        self._versions.start_canary()

    def _start_shadow(self) -> None:
        self._journal.note("start a shadow")
        self._versions.start_canary(is_shadow=True)

    def _kill(self, title: str) -> None:
        if pid := self._victim(title):
            self._journal.note(f"kill {title.split()[-1]}")
            self._signal(pid, signal.SIGKILL)

    def _suspend(self, title: str, *, continue_after_s: float | None = None) -> None:
        """Stop a process; the server must notice, but for one that goes on before it could."""
        if pid := self._victim(title):
            self._stopped[pid] = self._journal.note(f"stop {title.split()[-1]}")
            self._signal(pid, signal.SIGSTOP)
            if continue_after_s is not None:
                time.sleep(continue_after_s)
                self._signal(pid, signal.SIGCONT)

    def _victim(self, title: str) -> int | None:
        there = processes.named(self._pid, title)
        if not self.spared:  # at once, for they grow for a quarter of an hour
            workers, decoders = processes.named(self._pid, WORKER), processes.named(self._pid, DECODER)
            self.spared = {self._pid, *workers[: len(workers) // 2], *decoders[: len(decoders) // 2]}
        if time.monotonic() > self._spare_at:
            self.spared |= set(processes.named(self._pid, ENGINE)) - self._stopped.keys()
        there = [pid for pid in there if pid not in self.spared and pid not in self._stopped]
        return self._rng.choice(there) if there else None

    @staticmethod
    def _signal(pid: int, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def is_stopped(pid: int) -> bool:
    """Whether a process is there and stands still."""
    try:
        return (processes.PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False
