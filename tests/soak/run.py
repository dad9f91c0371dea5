"""Runs a soak: a server, clients and disturbances, and what it holds before, meanwhile and after."""

from __future__ import annotations

import contextlib
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from running_server import MEMORY, pids_of_session

from benchmarks import processes
from benchmarks.service import Service, free_port
from soak.background import Background
from soak.clients import Clients, Tally
from soak.disturbances import Disturbances
from soak.exchanges import MAX_UPLOAD_BYTES, Exchanges
from soak.holdings import Holdings, settled
from soak.journal import Journal
from soak.loiterers import Loiterers
from soak.photos import all_pictures
from soak.plan import Plan
from soak.versions import Versions

START_S = 120.0  # on a machine with other work to do
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
        pictures = all_pictures()
        versions = Versions(Path(folder), pictures)
        temporary = Path(folder) / "temporary"
        temporary.mkdir()
        port = free_port()
        environ = {
            "OPSIN_PORT": str(port),
            "OPSIN_REPOSITORY": str(versions.root),
            "OPSIN_WORKERS": "2",
            "OPSIN_RUNTIME": "litert",  # whose answers the expected ones are
            "OPSIN_MAX_UPLOAD_BYTES": str(MAX_UPLOAD_BYTES),
            "TMPDIR": str(temporary),
        }
        service = Service(["-m", "server"], environ, port=port, ready_path="/readyz", start_limit_s=START_S)
        with service:

            def traffic() -> Clients:
                return Clients(
                    port,
                    lambda rng: Exchanges(pictures, versions, rng),
                    soaked.journal,
                    soaked.tally,
                    count=plan.num_clients,
                    rate=plan.rate,
                    seed=plan.seed,
                )

            def look() -> Holdings:
                return Holdings.of(service.pid, temporary, slots_in_use(port))

            with traffic():
                time.sleep(plan.warm_up_s)
            soaked.before = settled(look, None, seconds=plan.rest_s / 2)
            with contextlib.ExitStack() as load:
                disturbances = Disturbances(
                    service.pid,
                    versions,
                    soaked.journal,
                    pause_s=plan.pause_s,
                    spare_after_s=plan.seconds / 4,
                    seed=plan.seed,
                )
                load.enter_context(Sampler(service.pid, soaked, lambda: disturbances.spared))
                load.enter_context(traffic())
                load.enter_context(Loiterers(port, count=plan.num_loiterers, seed=plan.seed))
                load.enter_context(disturbances)
                wait(soaked, say)
            if versions.stable != versions.first:
                versions.promote(versions.first)
            soaked.after = settled(look, soaked.before, seconds=plan.rest_s)
            memory = [path for path in soaked.after.files if path.startswith(MEMORY)]
            service.stop()
            soaked.left = left_over(service.pid, memory)
            soaked.log = service.lines()
        soaked.versions_published = versions.published
    return soaked


def wait(soaked: Soaked, say: Callable[[str], object]) -> None:
    """Let clients and disturbances do theirs."""
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


def slots_in_use(port: int) -> float:
    """Ask the server's metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = (sample for family in families for sample in family.samples)
    return sum(sample.value for sample in samples if sample.name == "opsin_slots_in_use")


def left_over(pid: int, memory: list[str]) -> list[str]:
    """List the processes and segments that outlived the server by more than a moment."""
    give_up_at = time.monotonic() + GONE_S
    while True:
        left = [f"process {each}" for each in pids_of_session(pid)]
        left += [path for path in memory if Path(path).exists()]
        if not left or time.monotonic() > give_up_at:
            return left
        time.sleep(0.1)
