"""What the trial of runtimes, which `OPSIN_RUNTIME=auto` makes when a version is loaded, costs those who are asking.

    python -m benchmarks.trial_cost --models cifar10 --rounds 6    # prints the table

In every round each setting has a server of its own, which has kept no trial; four connections ask it all the time.
After a while at rest another version of the same model becomes stable, and the server changes over. Answers are timed
in the seconds before that and in those after it, which begin with the load and go on through the trial.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

from benchmarks.connection import Connection, get_request
from benchmarks.pictures import photos
from benchmarks.service import opsin
from benchmarks.spread import percentile
from benchmarks.workload import Workload
from models.report import table
from models.store.repository import Repository
from server.settings import SHIPPED_MODELS

CONNECTIONS = 4
BEFORE_S, AFTER_S = 3.0, 10.0
SETTLED_S = 20.0  # until the trial of the first version has ended
SETTINGS = ("litert", "auto")

Answered = tuple[float, float, int]  # when it was asked, after how many ms it came, with which status


class Askers:
    """Connections that ask all the time, each in a thread, until it is closed."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self.answered: list[Answered] = []
        self._is_closed = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(port, requests)) for _ in range(CONNECTIONS)]
        for thread in self._threads:
            thread.start()

    def _ask(self, port: int, requests: Sequence[bytes]) -> None:
        with Connection(port) as connection:
            number = 0
            while not self._is_closed.is_set():
                began_at = time.monotonic()
                status = connection.ask(requests[number % len(requests)]).status
                self.answered.append((began_at, 1000 * (time.monotonic() - began_at), status))
                number += 1

    def close(self) -> None:
        """Let each have its answer, and end."""
        self._is_closed.set()
        for thread in self._threads:
            thread.join()


def measure(model: str, runtime: str) -> dict[str, float]:
    """Change the version under load once; returns the percentiles of ms before and after, and answers a second."""
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder) / "repository", Path(folder) / "cache"
        shutil.copytree(SHIPPED_MODELS / model, root / model)
        repository = Repository(root)
        first = repository.load(model)
        manifest = first.manifest
        files = {name: first.path / name for name in manifest.files}
        second = repository.publish(manifest, files, becomes_stable=False)
        workload = Workload(model, root, first, photos())
        with opsin(workload, runtime=runtime, cache=str(cache)) as service:
            end = time.monotonic() + SETTLED_S
            while runtime == "auto" and not has_tried(service.port) and time.monotonic() < end:
                time.sleep(0.1)
            shutil.rmtree(cache, ignore_errors=True)  # so that the second is tried, too
            askers = Askers(service.port, workload.requests())
            time.sleep(1 + BEFORE_S)
            changed_at = time.monotonic()
            repository.promote(model, second.manifest.version)
            time.sleep(AFTER_S)
            askers.close()
            tried = has_tried(service.port)
    return figures_of(askers.answered, changed_at) | {"trials": tried}


def figures_of(answered: Sequence[Answered], changed_at: float) -> dict[str, float]:
    """Return percentiles in ms and answers a second of the times before and after a change."""
    before = [ms for at, ms, _ in answered if changed_at - BEFORE_S <= at < changed_at]
    after = [ms for at, ms, _ in answered if changed_at <= at < changed_at + AFTER_S]
    return {
        "p50": percentile(before, 50),
        "p99": percentile(before, 99),
        "p50 after": percentile(after, 50),
        "p99 after": percentile(after, 99),
        "largest after": max(after),
        "a second": len(before) / BEFORE_S,
        "a second after": len(after) / AFTER_S,
        "other than 200": sum(status != HTTPStatus.OK for *_, status in answered),
    }


def has_tried(port: int) -> bool:
    """Tell whether a server has tried runtimes for the version that it serves."""
    with Connection(port) as connection:
        return b'"images_per_s"' in connection.ask(get_request("/readyz")).body


def main(argv: Sequence[str] | None = None) -> int:
    """Measure in rounds, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trial_cost", description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=["cifar10"])
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args(argv)
    for model in options.models:
        found: dict[str, list[dict[str, float]]] = {runtime: [] for runtime in SETTINGS}
        for number in range(options.rounds):
            for runtime in SETTINGS[:: 1 if number % 2 else -1]:
                found[runtime].append(measure(model, runtime))
        rows = [
            (model, runtime, *(f"{each:.4g}" for each in figures.values()))
            for runtime, rounds in found.items()
            for figures in rounds
        ]
        print(table(("model", "runtime", *found[SETTINGS[0]][0]), rows), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
