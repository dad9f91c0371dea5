"""The command `python -m benchmarks.versus REVISION`: the shipped model, served by this checkout and by another one.

Both servers run side by side; each round loads each of them, in an order drawn anew, and ratios are taken within a
round. Writes benchmarks/results/versus_REVISION.{json,md}.
"""

from __future__ import annotations

import argparse
import io
import random
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import machine
from benchmarks.figures import Figure, ratio_figure, report
from benchmarks.folders import RESULTS, ROOT
from benchmarks.plan import Plan
from benchmarks.service import StartFailed, opsin
from benchmarks.workload import shipped
from benchmarks.wrk import Load, WrkMissing, run_wrk

CONNECTIONS = (1, 16)
WARM_UP_S = 0.5

Round = dict[str, Load]  # "ours" and "theirs"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write; returns 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versus", description=__doc__)
    parser.add_argument("revision", help="of git: what to compare with")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--load-s", type=float, default=1.5, help="of each server in a round")
    arguments = parser.parse_args(argv)
    revision = find_revision(arguments.revision)
    if revision is None:
        parser.error(f"git knows no revision {arguments.revision!r}")
    try:
        with checkout(revision) as folder:
            figures = measure(folder, revision, Plan(rounds=arguments.rounds, load_s=arguments.load_s))
    except (StartFailed, WrkMissing) as error:
        parser.exit(2, f"python -m benchmarks.versus: it could not be measured: {error}\n")
    return report(figures, RESULTS / f"versus_{revision}", machine=machine.describe())


def find_revision(name: str) -> str | None:
    """Shorten the hash of a commit, branch or tag; None: git does not know it."""
    try:
        return _git("rev-parse", "--short", "--verify", f"{name}^{{commit}}").decode().strip()
    except subprocess.CalledProcessError:
        return None


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """Lay out the files of a revision in a folder, for as long as the block runs."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(_git("archive", revision))) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout  # noqa: S607


def measure(other: Path, revision: str, plan: Plan) -> list[Figure]:
    """Load both servers in turn, at each number of connections; the first round is not counted."""
    workload = shipped()
    requests = workload.requests()
    rounds: dict[int, list[Round]] = {connections: [] for connections in CONNECTIONS}
    order = random.Random(0)  # noqa: S311 - no secret
    with opsin(workload) as ours, opsin(workload, folder=other) as theirs:
        services = {"ours": ours, "theirs": theirs}
        for number in range(plan.rounds + 1):
            for connections in CONNECTIONS:
                loads = {
                    name: run_wrk(
                        services[name], requests, connections=connections, seconds=plan.load_s, warm_up_s=WARM_UP_S
                    )
                    for name in order.sample(list(services), len(services))
                }
                rates = f"{loads['ours'].rate:.0f} against {loads['theirs'].rate:.0f} requests/s"
                plan.say(f"round {number}, {connections} connections: {rates}")
                rounds[connections].append(loads)
    return [figure for connections in CONNECTIONS for figure in compare(rounds[connections][1:], revision, connections)]


def compare(rounds: Sequence[Round], revision: str, connections: int) -> list[Figure]:
    """Requests a second, and CPU time a request, over those of the other revision, and what was not answered."""
    ours, theirs = ([loads[name] for loads in rounds] for name in ("ours", "theirs"))
    load = f"at {connections} connection{'s' if connections > 1 else ''}, over {revision}"
    return [
        ratio_figure(f"shipped: requests/s {load}", [one.rate for one in ours], [one.rate for one in theirs]),
        ratio_figure(
            f"shipped: CPU time a request {load}",
            [one.cpu_ms_per_answer for one in ours],
            [one.cpu_ms_per_answer for one in theirs],
        ),
        Figure(f"shipped: requests not answered 200 {load}", sum(one.faults for one in ours), at_most=0),
    ]


if __name__ == "__main__":
    sys.exit(main())
