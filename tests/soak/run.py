"""Runs a soak: a server, clients and disturbances, and what it holds before, meanwhile and after."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from running_server import MEMORY, pids_of_session

from benchmarks import processes
from soak.background import Background
from soak.clients import Tally
from soak.holdings import Holdings, settled
from soak.journal import Journal
from soak.loiterers import Loiterers
from soak.plan import Plan
from soak.subject import Subject

GONE_S = 5.0


@dataclass
class Soaked:
    """What a soak found."""

    plan: Plan
    tally: Tally = field(default_factory=Tally)
    journal: Journal = field(default_factory=Journal)
    times_s: list[float] = field(default_factory=list)  # of the samples, from the start of the disturbances on
    pss_bytes: list[float] = field(default_factory=list)
    spared_bytes: list[float] = field(default_factory=list)  # of processes that nobody kills any more; 0 before
    before: Holdings | None = None
    after: Holdings | None = None
    left: list[str] = field(default_factory=list)  # once it had stopped
    log: list[str] = field(default_factory=list)
    versions_published: int = 0


class Sampler(Background):
    """Looks at the memory of all processes; it ends with the context."""

    def __init__(self, pid: int, soaked: Soaked, spared: Callable[[], set[int]]) -> None:
        super().__init__("sampler")
        self._pid, self._soaked, self._spared = pid, soaked, spared

    def run(self) -> None:
        began_at = time.monotonic()
        while not self._is_over.wait(self._soaked.plan.sample_s):
            self._soaked.times_s.append(time.monotonic() - began_at)
            self._soaked.pss_bytes.append(processes.pss_bytes(processes.family(self._pid)))
            self._soaked.spared_bytes.append(processes.private_bytes(sorted(self._spared())))


def soak(plan: Plan, *, say: Callable[[str], object] = lambda _: None) -> Soaked:
    """Run it.

    Args:
        plan: how long, and how hard.
        say: told each minute how it goes.
    """
    soaked = Soaked(plan)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        subject = Subject(Path(folder), plan, soaked.journal, soaked.tally)
        service, versions = subject.service, subject.versions
        with service:
            with subject.traffic():
                time.sleep(plan.warm_up_s)
            soaked.before = settled(subject.holdings, None, seconds=plan.rest_s / 2)
            press(subject, soaked, say)
            versions.end()
            soaked.after = settled(subject.holdings, soaked.before, seconds=plan.rest_s)
            memory = [path for path in soaked.after.files if path.startswith(MEMORY)]
            service.stop()
            soaked.left = left_over(service.pid, memory)
            soaked.log = service.lines()
        soaked.versions_published = versions.published
    return soaked


def press(subject: Subject, soaked: Soaked, say: Callable[[str], object]) -> None:
    """Let clients and disturbances do theirs, and look at the memory meanwhile."""
    plan, disturbances = soaked.plan, subject.disturbances()
    with (
        Sampler(subject.service.pid, soaked, lambda: disturbances.spared),
        subject.traffic(),
        Loiterers(subject.port, count=plan.num_loiterers, seed=plan.seed),
        disturbances,
    ):
        wait(soaked, say)


def wait(soaked: Soaked, say: Callable[[str], object]) -> None:
    """Wait until the time is over, and tell how it goes."""
    began_at, seconds = time.monotonic(), soaked.plan.seconds
    while (left_s := began_at + seconds - time.monotonic()) > 0:
        time.sleep(min(left_s, 60.0))
        tally, passed = soaked.tally, (time.monotonic() - began_at) / 60
        faults = [*tally.wrong, *tally.unexplained]
        say(
            f"{passed:.0f} of {seconds / 60:g} minutes: {sum(tally.outcomes.values()):,} requests, "
            f"{len(tally.wrong)} wrong, {len(tally.unexplained)} unexplained, {soaked.pss_bytes[-1] / 1e6:.0f} MB"
            + (f"; the last: {faults[-1]}" if faults else "")
        )


def left_over(pid: int, memory: list[str]) -> list[str]:
    """List the processes and segments that outlived the server by more than a moment."""
    give_up_at = time.monotonic() + GONE_S
    while True:
        left = [f"process {each}" for each in pids_of_session(pid)]
        left += [path for path in memory if Path(path).exists()]
        if not left or time.monotonic() > give_up_at:
            return left
        time.sleep(0.1)
