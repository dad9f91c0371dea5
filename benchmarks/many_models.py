"""The command `python -m benchmarks.many_models`: what each further model costs a server that serves them all.

Copies of shipped models in one repository, against the server with one of them alone: memory (PSS of all processes),
CPU time to load one, and CPU time a second to look for changes when nothing happens. docs/scale.md reckons with it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import machine, processes
from benchmarks.connection import Connection, get_request
from benchmarks.service import Service, free_port
from models.store.repository import Repository
from server.settings import SHIPPED_MODELS

COPIES = {"cifar10": 200, "imagenet": 40}
START_S = 300.0
POLL_S = 0.1
SETTLE_S = 3.0  # until what a start left to be freed is freed


@dataclass(frozen=True, slots=True)
class Cost:
    """What a server with some models takes: memory at rest, CPU time of its start, and a second's, of one core."""

    num_models: int
    memory_mb: float
    start_cpu_s: float
    idle_cores: float
    list_bytes: int


def copies(name: str, number: int, folder: Path) -> Path:
    """Publish a shipped model again and again, under other names."""
    artifact = Repository(SHIPPED_MODELS).load(name)
    files = {path: artifact.path / path for path in artifact.manifest.files}
    for index in range(number):
        Repository(folder).publish(replace(artifact.manifest, name=f"{name}-{index}"), files)
    return folder


def cost(repository: Path, num_models: int, *, idle_s: float) -> Cost:
    """Serve all models of a repository, and wait until they are."""
    port = free_port()
    environ = {"OPSIN_PORT": str(port), "OPSIN_REPOSITORY": str(repository), "OPSIN_RUNTIME": "litert"}
    with (
        Service(["-m", "server"], environ, port=port, ready_path="/readyz", start_limit_s=START_S) as service,
        Connection(port, timeout_s=START_S) as connection,
    ):
        while len(connection.ask(get_request("/readyz")).json()["models"]) < num_models:
            time.sleep(POLL_S)
        start_cpu_s = processes.cpu_s(service.pids())
        time.sleep(SETTLE_S)
        before_s, began_at = processes.cpu_s(service.pids()), time.monotonic()
        time.sleep(idle_s)
        idle_cores = (processes.cpu_s(service.pids()) - before_s) / (time.monotonic() - began_at)
        memory_mb = processes.pss_bytes(service.pids()) / 1e6
        list_bytes = len(connection.ask(get_request("/models")).body)
    return Cost(num_models, memory_mb, start_cpu_s, idle_cores, list_bytes)


def row(name: str, one: Cost, many: Cost) -> str:
    """Write what many cost, and each of them beyond the first."""
    further = many.num_models - one.num_models
    each_mb = (many.memory_mb - one.memory_mb) / further
    each_load_s = (many.start_cpu_s - one.start_cpu_s) / further
    each_idle_ms = 1000 * (many.idle_cores - one.idle_cores) / further
    return (
        f"| {many.num_models} x {name} | {many.memory_mb:,.0f} MB, {each_mb:.1f} MB | {each_load_s:.3f} s "
        f"| {many.idle_cores:.1%} of a core, {each_idle_ms:.2f} ms | {many.list_bytes / 1000:.0f} kB |"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_models", description=__doc__)
    parser.add_argument("--only", choices=COPIES, action="append", help="one of the models; default: both")
    parser.add_argument("--copies", type=int, help="of each; default: 200 of cifar10, 40 of imagenet")
    parser.add_argument("--idle-s", type=float, default=10.0, help="to watch a server that is asked nothing")
    arguments = parser.parse_args(argv)
    print(machine.in_words(machine.describe()))
    print("| | memory; each further | CPU time to load one | looking for changes, a second; a model | `GET /models` |")
    print("|---|---|---|---|---|")
    for name in arguments.only or COPIES:
        with tempfile.TemporaryDirectory(prefix="many-models-") as folder:
            costs = [
                cost(copies(name, number, Path(folder) / str(number)), number, idle_s=arguments.idle_s)
                for number in (1, arguments.copies or COPIES[name])
            ]
        print(row(name, *costs), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
