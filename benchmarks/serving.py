"""The command `python -m benchmarks.serving`: measure everything, write JSON and a table. `make bench` runs it."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence

from benchmarks import machine
from benchmarks.connection import NoAnswer
from benchmarks.faults import measure_engine_kills, measure_stops
from benchmarks.figures import Figure, report
from benchmarks.folders import CACHE, RESULTS
from benchmarks.footprint import measure_memory, measure_start
from benchmarks.lone import measure_large_photo, measure_lone
from benchmarks.overload import measure_overload
from benchmarks.plan import Plan
from benchmarks.swaps import measure_swaps
from benchmarks.throughput import measure_throughput
from benchmarks.workload import Workload, resnet50, shipped
from benchmarks.wrk import WrkMissing, find_wrk
from models.errors import ModelNotFound

# A server that does not start, hangs up, does not stop, or answers nonsense.
FAILURES = (RuntimeError, OSError, ValueError, LookupError, NoAnswer, subprocess.SubprocessError)

Measure = Callable[[Workload, Plan], list[Figure]]

# Name: what measures, and on which models.
EXPERIMENTS: dict[str, tuple[Measure, tuple[Callable[[], Workload], ...]]] = {
    "throughput": (measure_throughput, (resnet50, shipped)),
    "lone": (measure_lone, (resnet50, shipped)),
    "large": (measure_large_photo, (resnet50,)),
    "overload": (measure_overload, (resnet50,)),
    "kills": (measure_engine_kills, (resnet50, shipped)),
    "swaps": (measure_swaps, (resnet50,)),
    "stops": (measure_stops, (resnet50, shipped)),
    "start": (measure_start, (shipped,)),
    "memory": (measure_memory, (shipped,)),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the experiments; returns 0 if all targets are met, 1 if not, 2 if something is missing."""
    arguments = _parse(argv)
    plan = Plan.quick() if arguments.quick else Plan()
    names = arguments.only or list(EXPERIMENTS)
    try:
        find_wrk()
        workloads = {make: make() for name in names for make in EXPERIMENTS[name][1]}
    except WrkMissing as error:
        return _fail(str(error))
    except ModelNotFound:
        return _fail("the ResNet-50 model is not there: run `make bench`, or `python -m benchmarks.resnet50` to train")
    figures: list[Figure] = []
    for name in names:
        measure, models = EXPERIMENTS[name]
        for make in models:
            figures += _attempt(name, measure, workloads[make], plan)
    is_full = not arguments.quick and not arguments.only
    folder, where = RESULTS if is_full else CACHE / "results", machine.describe()
    return report(figures, folder / "serving", machine=where, heading=f"{machine.in_words(where)}\n\n")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving",
        description="Measure the server on this machine, which must have nothing else to do. A full run writes to "
        "benchmarks/results, any other to benchmarks/.cache/results.",
    )
    parser.add_argument("--quick", action="store_true", help="shorter and fewer runs, for a look")
    parser.add_argument("--only", type=_names, metavar="NAME[,NAME]", help=f"some of: {', '.join(EXPERIMENTS)}")
    return parser.parse_args(argv)


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in EXPERIMENTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(EXPERIMENTS)}")
    return names


def _attempt(name: str, measure: Measure, workload: Workload, plan: Plan) -> list[Figure]:
    plan.say(f"{name}, {workload.name}")
    try:
        return measure(workload, plan)
    except FAILURES as error:  # the other experiments are worth having without this one
        plan.say(f"{name}, {workload.name} failed: {error}")
        return [Figure(f"{workload.name}: {name}", None, note=" ".join(str(error).split()))]


def _fail(message: str) -> int:
    print(f"python -m benchmarks.serving: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
