"""The command `python -m soak`, with the folder `tests` on Python's path: `make soak MINUTES=30`."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence

from benchmarks import machine
from benchmarks.figures import report
from benchmarks.folders import CACHE, RESULTS
from soak.figures import figures_of
from soak.plan import Plan
from soak.run import soak


def main(argv: Sequence[str] | None = None) -> int:
    """Run a soak, print its table and write it; returns 1 if anything is not as it must be."""
    parser = argparse.ArgumentParser(
        prog="make soak",
        description="Serve mixed traffic while versions are swapped and processes killed. Half an hour or more writes "
        "to benchmarks/results, less to benchmarks/.cache/results.",
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="of traffic with swaps and kills (default: 30)")
    parser.add_argument("--rate", type=float, default=Plan.rate, help="requests a second (default: %(default)g)")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default: 0)")
    arguments = parser.parse_args(argv)
    if not arguments.minutes > 0 or not arguments.rate > 0:
        parser.error(f"minutes and rate must be > 0, got {arguments.minutes:g} and {arguments.rate:g}")
    plan = Plan(seconds=60 * arguments.minutes, rate=arguments.rate, seed=arguments.seed)
    soaked = soak(plan, say=lambda line: print(line, file=sys.stderr, flush=True))
    CACHE.mkdir(exist_ok=True)
    (CACHE / "soak.log").write_text("\n".join(soaked.log) + "\n")
    where, folder = machine.describe(), RESULTS if plan.is_full else CACHE / "results"
    heading = f"{where['cpu']}, {where['num_cores']} cores, commit {where['commit']}, {where['date']}, "
    heading += f"{plan.seconds / 60:g} minutes\n\n"
    more = {"heading": heading, "plan": dataclasses.asdict(plan)}
    return report(figures_of(soaked), folder / "soak", machine=where, **more)


if __name__ == "__main__":
    sys.exit(main())
