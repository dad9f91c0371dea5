"""Rounds in which every server is loaded in turn, in an order drawn anew, while the others have nothing to do."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks import processes
from benchmarks.checker import TopK, agree
from benchmarks.connection import Connection, NoAnswer
from benchmarks.in_process import Baseline, run_in_process
from benchmarks.peers.contestants import OPSIN, Contestant
from benchmarks.peers.environments import EnvironmentFailed
from benchmarks.peers.loads import KINDS, Kind
from benchmarks.plan import Plan
from benchmarks.service import Service, StartFailed
from benchmarks.throughput import best_arrangement
from benchmarks.workload import Workload
from benchmarks.wrk import Load, run_wrk

MAX_STARTS = 2
FAILURES = (StartFailed, EnvironmentFailed, NoAnswer, OSError, ValueError, LookupError, subprocess.SubprocessError)

_IN_PROCESS = "in process"
_LOOK_S = 0.2
_BUSY = 0.1  # of a core, on top of what it takes when idle: a server that takes less has nothing left to do
_SETTLE_LIMIT_S = 20.0
_IDLE_S = 2.0
_IDLE_AT_MOST = 0.02  # of a core; one that takes more is halted while others are measured


class DifferentAnswers(ValueError):
    """A server says something else of a photo than Opsin: what takes how long cannot be compared."""


@dataclass
class Measured:
    """One server: what came of its loads, a `Load` a round, and what it takes."""

    loads: dict[Kind, list[Load]] = field(default_factory=dict)
    starts_s: list[float] = field(default_factory=list)  # from the start of the process to the first answer
    memory_mb: list[float] = field(default_factory=list)  # PSS of all its processes, after each round
    idle_cores: float = 0.0  # that it takes with nothing to do
    failure: str = ""  # why there are no figures


@dataclass
class Comparison:
    """All servers around one model, and decoding and inference without any."""

    workload: Workload
    measured: dict[str, Measured]
    baselines: dict[Kind, list[Baseline]] = field(default_factory=dict)


class Rounds:
    """Servers that run side by side, and what is known of them so far."""

    def __init__(self, workload: Workload, plan: Plan, peers: Sequence[Contestant]) -> None:
        self._workload = workload
        self._plan = plan
        self._contestants = {one.name: one for one in (OPSIN, *peers)}
        self._order = random.Random(0)  # noqa: S311 - no secret
        self._services: dict[str, Service] = {}
        self.comparison = Comparison(workload, {name: Measured() for name in self._contestants})

    def run(self, kinds: Sequence[Kind]) -> Comparison:
        """Start all, compare their answers, and load them in rounds."""
        if any(kind.has_baseline for kind in kinds):
            self._in_process, _ = best_arrangement(self._workload, self._plan)
        for _ in range(min(self._plan.rounds, MAX_STARTS) - 1):
            for name in self._drawn(self._contestants):
                with ExitStack() as stack:
                    self._start(name, stack)
                self._services.clear()
        with ExitStack() as stack:
            for name in self._contestants:
                self._start(name, stack)
            self._compare_answers()
            self._look_at_idle()
            for number in range(self._plan.rounds):
                for kind in kinds:
                    self._load_all(kind)
                for name, service in self._services.items():
                    self.comparison.measured[name].memory_mb.append(processes.pss_bytes(service.pids()) / 1e6)
                self._plan.say(f"{self._workload.name}: round {number + 1} of {self._plan.rounds} is done")
        return self.comparison

    def _drawn(self, names: Sequence[str] | dict[str, Contestant] | dict[str, Service]) -> list[str]:
        return self._order.sample(list(names), len(names))

    def _start(self, name: str, stack: ExitStack) -> None:
        measured, contestant = self.comparison.measured[name], self._contestants[name]
        if measured.failure:
            return
        for is_last in (False, True):  # Triton's own limits are short: one of its starts may fail on a busy machine
            began_at = time.monotonic()
            try:
                self._services[name] = stack.enter_context(contestant.start(self._workload))
                self._ask(name, self._workload.photos[0])
                break
            except FAILURES as error:
                if is_last:
                    self._give_up(name, f"did not start: {error}")
                    return
        measured.starts_s.append(time.monotonic() - began_at)
        stack.callback(self._services[name].resume)
        self._plan.say(f"{self._workload.name}: {name} answers after {measured.starts_s[-1]:.2f} s")

    def _compare_answers(self) -> None:
        photos = [photo for kind in (KINDS[0], KINDS[-1]) for photo in kind.photos()]
        expected = [self._ask(OPSIN.name, photo) for photo in photos]
        for name in list(self._services):
            try:
                for number, (photo, wanted) in enumerate(zip(photos, expected, strict=True)):
                    if not agree(got := self._ask(name, photo), wanted):
                        raise DifferentAnswers(f"photo {number} is {got}, Opsin says {wanted}")
            except FAILURES as error:
                self._give_up(name, f"not compared: {error}")

    def _look_at_idle(self) -> None:
        for name, service in self._services.items():
            before_s = processes.cpu_s(service.pids())
            time.sleep(_IDLE_S)
            idle = (processes.cpu_s(service.pids()) - before_s) / _IDLE_S
            self.comparison.measured[name].idle_cores = idle
            self._halt(name)

    def _halt(self, name: str) -> None:
        if self.comparison.measured[name].idle_cores > _IDLE_AT_MOST:
            self._services[name].halt()

    def _ask(self, name: str, photo: bytes) -> TopK:
        contestant = self._contestants[name]
        with Connection(self._services[name].port) as connection:
            answer = connection.ask(contestant.request(photo))
        if answer.status != 200:
            raise ValueError(f"a photo was answered {answer.status}: {answer.body[:200]!r}")
        return contestant.top_k(answer.json())

    def _load_all(self, kind: Kind) -> None:
        for name in self._drawn([*self._services, *([_IN_PROCESS] if kind.has_baseline else [])]):
            if name == _IN_PROCESS:
                baseline = run_in_process(self._workload, self._in_process, self._plan.baseline_s)
                self.comparison.baselines.setdefault(kind, []).append(baseline)
                continue
            service, contestant = self._services[name], self._contestants[name]
            requests = [contestant.request(photo) for photo in kind.photos()]
            service.resume()
            try:
                load = run_wrk(service, requests, connections=kind.connections, seconds=self._plan.load_s)
            except FAILURES as error:
                self._give_up(name, f"broke at {kind}: {error}")
                continue
            self.comparison.measured[name].loads.setdefault(kind, []).append(load)
            self._plan.say(f"{self._workload.name}, {kind}: {name} {load.rate:.1f} requests/s, {load.faults} faults")
            self._settle(name)
            self._halt(name)

    def _give_up(self, name: str, why: str) -> None:
        self._plan.say(f"{self._workload.name}: {name} {why}")
        self.comparison.measured[name].failure = " ".join(why.split())
        self._services.pop(name, None)

    def _settle(self, name: str) -> None:
        """Wait until a server has dropped or finished what nobody waits for any more."""
        service, until = self._services[name], time.monotonic() + _SETTLE_LIMIT_S
        most_s = (self.comparison.measured[name].idle_cores + _BUSY) * _LOOK_S
        before_s = processes.cpu_s(service.pids())
        while time.monotonic() < until:
            time.sleep(_LOOK_S)
            now_s = processes.cpu_s(service.pids())
            if now_s - before_s < most_s:
                return
            before_s = now_s
