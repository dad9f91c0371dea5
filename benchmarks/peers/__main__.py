"""The command `python -m benchmarks.peers`: Opsin and other servers around the same model file, in one run.

Makes an environment for each from its hash-locked requirements, compares all answers with Opsin's, and loads them in
turn in rounds. With every load and peer it writes benchmarks/results/peers_MODEL.{json,md}, otherwise the same files in
benchmarks/.cache/results.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import machine
from benchmarks.figures import Figure
from benchmarks.folders import CACHE, RESULTS
from benchmarks.peers import report
from benchmarks.peers.contestants import PEERS, Contestant
from benchmarks.peers.loads import KINDS, Kind
from benchmarks.peers.rounds import Rounds
from benchmarks.plan import Plan
from benchmarks.workload import RESNET50, SHIPPED, Workload, resnet50, shipped
from benchmarks.wrk import WrkMissing, find_wrk
from models.errors import ModelNotFound

WORKLOADS = {SHIPPED: shipped, RESNET50: resnet50}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write; returns 0 if all targets are met, 1 if not, 2 if something is missing."""
    arguments = _parse(argv)
    try:
        find_wrk()
        workloads = [WORKLOADS[name]() for name in arguments.models]
    except WrkMissing as error:
        return _fail(str(error))
    except ModelNotFound:
        return _fail("the ResNet-50 model is not there: run `make bench`, or `python -m benchmarks.resnet50` to train")
    kinds = [kind for kind in KINDS if kind.option in arguments.only]
    peers = [peer for peer in PEERS if peer.name.partition(",")[0] in arguments.peers]
    plan = Plan(
        rounds=arguments.rounds,
        load_s=arguments.seconds,
        baseline_s=arguments.seconds,
        trial_s=arguments.seconds,
    )
    folder = RESULTS if [len(kinds), len(peers)] == [len(KINDS), len(PEERS)] else CACHE / "results"
    found = [figure for workload in workloads for figure in _measure(workload, plan, peers, kinds, folder)]
    return 0 if all(figure.is_met is not False for figure in found) else 1


def _measure(
    workload: Workload, plan: Plan, peers: Sequence[Contestant], kinds: Sequence[Kind], folder: Path
) -> list[Figure]:
    load_before = os.getloadavg()[0]
    comparison = Rounds(workload, plan, peers).run(kinds)
    where = machine.describe()
    record = {"machine": where, "rounds": plan.rounds, "load_s": plan.load_s, "load_average_before": load_before}
    rounds = f"{plan.rounds} round{'s' if plan.rounds > 1 else ''} of {plan.load_s:g} s"
    heading = (
        f"{machine.in_words(where)}; {rounds}; load of the machine before them {load_before:.1f}. "
        "Medians, and the smallest and largest round."
    )
    text = report.report(comparison, kinds, heading)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"peers_{workload.name}.json").write_text(json.dumps(record | report.document(comparison, kinds)) + "\n")
    (folder / f"peers_{workload.name}.md").write_text(text)
    print(text, end="", flush=True)
    return report.figures(comparison, kinds)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load, after a second of warm-up")
    names = {"only": [kind.option for kind in KINDS], "models": list(WORKLOADS)}
    names["peers"] = list(dict.fromkeys(peer.name.partition(",")[0] for peer in PEERS))
    for option, allowed in names.items():
        parser.add_argument(
            f"--{option}",
            type=partial(_some_of, allowed),
            default=allowed,
            metavar="NAME[,NAME]",
            help=f"some of: {', '.join(allowed)}",
        )
    return parser.parse_args(argv)


def _some_of(allowed: Sequence[str], text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in allowed]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(allowed)}")
    return names


def _fail(message: str) -> int:
    print(f"python -m benchmarks.peers: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
