"""Another version becomes stable, again and again, under load."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks import processes
from benchmarks.checker import Clients, expected_answers
from benchmarks.figures import Figure
from benchmarks.plan import Plan
from benchmarks.service import Service, opsin
from benchmarks.workload import Workload
from models.store.repository import Repository

CONNECTIONS = 8
VERSIONS = (1, 2)
SWAP_S = 30.0
MEMORY_AFTER = 10  # swaps; by then everything that stays has been loaded
MEMORY_AT_MOST = 1.05
_SETTLE_S = 3.0  # for the old version to drain
_SAMPLES = 5


def measure_swaps(workload: Workload, plan: Plan) -> list[Figure]:
    """Promote version 2 and roll it back, each as soon as the swap before it shows in an answer."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "repository"
        shutil.copytree(workload.repository, root)
        return _measure(replace(workload, repository=root), plan)


def _measure(workload: Workload, plan: Plan) -> list[Figure]:
    repository, model = Repository(workload.repository), workload.model
    expected = {version: expected_answers(repository.load(model, version), workload.photos) for version in VERSIONS}
    repository.promote(model, VERSIONS[0])
    swap_s: list[float] = []
    memory: dict[int, float] = {}
    with opsin(workload) as service, Clients(service.port, workload, expected, count=CONNECTIONS) as clients:
        for swap in range(1, plan.swaps + 1):
            version = VERSIONS[swap % 2]
            if version == VERSIONS[0]:
                repository.rollback(model)
            else:
                repository.promote(model, version)
            swap_s.append(_wait_for(clients, version))
            if swap in (MEMORY_AFTER, plan.swaps):
                memory[swap] = settled_bytes(service)
        clients.stop()
        tally = clients.tally
    plan.say(f"{workload.name}: {plan.swaps} swaps, {dict(tally.outcomes)}, {len(tally.mismatches)} wrong, {memory}")
    where = f"{workload.name}, {plan.swaps} version swaps"
    note = f"{tally.num_200} answers of 200, slowest {max(tally.latencies_ms):,.0f} ms; "
    note += f"a swap takes {statistics.median(swap_s):.2f} s, at most {max(swap_s):.2f} s"
    return [
        Figure(f"{where}: answers other than 200", tally.others(), at_most=0, note=note, details=tally.to_dict()),
        Figure(f"{where}: answers that differ from the runtime's", len(tally.mismatches), at_most=0),
        Figure(
            f"{where}: memory after the last over that after number {MEMORY_AFTER}",
            memory[plan.swaps] / memory[MEMORY_AFTER],
            at_most=MEMORY_AT_MOST,
            note=f"{memory[MEMORY_AFTER] / 1e6:.1f} MB, then {memory[plan.swaps] / 1e6:.1f} MB",
        ),
    ]


def _wait_for(clients: Clients, version: int) -> float:
    began_at = time.monotonic()
    # All clients: else an answer that was under way would be taken for that of the next swap.
    while set(clients.tally.versions.copy()) != {version}:
        if time.monotonic() > began_at + SWAP_S:
            raise RuntimeError(f"no answer by version {version} within {SWAP_S:g} s of its being stable")
        time.sleep(0.005)
    return time.monotonic() - began_at


def settled_bytes(service: Service) -> float:
    """Measure the memory of a server, once what has been replaced is freed."""
    time.sleep(_SETTLE_S)
    samples = []
    for _ in range(_SAMPLES):
        samples.append(processes.pss_bytes(service.pids()))
        time.sleep(0.2)
    return float(statistics.median(samples))
