"""The command `python -m benchmarks.shadows`: what clients pay for a shadow that is asked of each of their images.

The shipped model serves, with a copy of itself as a shadow of 100 %, and without, in turn: a lone client, and as many
as keep the machine full. Both ways the engine runs the model, so that what the shadow costs is told apart from what it
costs that HTTP workers leave such versions to the engine, which is the third way.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import machine
from benchmarks.connection import Connection, get_request
from benchmarks.figures import Figure, ratio_figure, report
from benchmarks.folders import RESULTS
from benchmarks.service import Service, opsin
from benchmarks.workload import Workload, shipped
from benchmarks.wrk import Load, run_wrk
from models.store.canary import Canary
from models.store.repository import Repository
from models.store.rollout import start_canary, stop_canary

WITH, WITHOUT, TO_COMPLETION = "shadow of 100 %", "no shadow", "no shadow, run to completion"
SEEN_S = 30.0
AT_MOST = 1.1  # times the latency of the slowest hundredth, where others wait


def measure(rounds: int, seconds: float, connections: Sequence[int]) -> dict[tuple[str, int], list[Load]]:
    """Load the server each way, round by round."""
    loads: dict[tuple[str, int], list[Load]] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "repository"
        workload = shipped()
        shutil.copytree(workload.repository / workload.model, root / workload.model)
        workload, repository = replace(workload, repository=root), Repository(root)
        files = {name: workload.artifact.path / name for name in workload.artifact.manifest.files}
        copy = repository.publish(workload.artifact.manifest, files, becomes_stable=False).manifest.version
        for to_completion in ("0", "1"):
            with opsin(workload, run_to_completion=to_completion) as service:
                for number in range(rounds):
                    for way in _ways(number, to_completion):
                        _show(service, repository, workload, Canary(copy, 100, True) if way == WITH else None)
                        for num in connections:
                            load = run_wrk(service, workload.requests(), connections=num, seconds=seconds)
                            loads.setdefault((way, num), []).append(load)
    return loads


def _ways(number: int, to_completion: str) -> Sequence[str]:
    """Give the ways of a round, whose order alternates."""
    if to_completion == "1":
        return [TO_COMPLETION]
    return [WITH, WITHOUT] if number % 2 else [WITHOUT, WITH]


def _show(service: Service, repository: Repository, workload: Workload, shadow: Canary | None) -> None:
    """Start or stop a shadow, and wait until the server does so."""
    if shadow is None:
        stop_canary(repository, workload.model)
    else:
        start_canary(repository, workload.model, shadow)
    give_up_at = time.monotonic() + SEEN_S
    with Connection(service.port) as connection:
        while bool(_ready(connection).get("canaries")) != (shadow is not None):
            if time.monotonic() > give_up_at:
                raise RuntimeError(f"the shadow does not begin or end within {SEEN_S:g} s")
            time.sleep(0.02)


def _ready(connection: Connection) -> Mapping[str, object]:
    document: Mapping[str, object] = json.loads(connection.ask(get_request("/readyz")).body)
    return document


def figures_of(loads: Mapping[tuple[str, int], Sequence[Load]], connections: Sequence[int]) -> list[Figure]:
    """Hold both ways against each other."""
    figures = [
        Figure("answers other than 200", sum(load.faults for every in loads.values() for load in every), at_most=0)
    ]
    for num in connections:
        what = "a lone client" if num == 1 else f"{num} connections"
        ours, theirs = loads[WITH, num], loads[WITHOUT, num]
        for name, at_most in (("p50_ms", None), ("p99_ms", AT_MOST if num > 1 else None), ("rate", None)):
            values = [[getattr(load, name) for load in every] for every in (ours, theirs)]
            figures.append(ratio_figure(f"{what}: {name} with a shadow over without", *values, at_most=at_most))
        alone = [load.rate for load in loads[TO_COMPLETION, num]]
        without = [load.rate for load in theirs]
        figures.append(ratio_figure(f"{what}: rate by the engine over that run to completion", without, alone))
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print a table and write it with its JSON; 1 where a target is not met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shadows", description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16])
    args = parser.parse_args(argv)
    loads = measure(args.rounds, args.seconds, args.connections)
    where = machine.describe()
    heading = f"{machine.in_words(where)}, {args.rounds} rounds of {args.seconds:g} s\n\n"
    return report(figures_of(loads, args.connections), RESULTS / "shadows", machine=where, heading=heading)


if __name__ == "__main__":
    sys.exit(main())
