"""`python -m models predict` over what the same cores reach without it, on every model of the zoo, in one run.

    python -m benchmarks.bulk                  # writes benchmarks/results/bulk.json and bulk.md, prints the table
    python -m benchmarks.bulk --rounds 3 --seconds 2 --models cifar10    # one anew, the others as they were

Three things alternate in every round, each in processes of its own on all cores: the command, on a list of the photos
over and over; decoding and inference of the same photos in memory, in the best of the arrangements of `in_process.py`
(by a look before the rounds); and inference alone, on pixels that are decoded already. Ratios are taken within a round.
A machine with other work to do changes the pace from one second to the next, and takes cores from whoever runs: beside
the rates stands the processor time of an image, of which it takes little.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.folders import ROOT
from benchmarks.in_process import Arrangement, Baseline, arrangements, run_in_process
from benchmarks.machine import describe
from benchmarks.pictures import photos
from benchmarks.processes import cpu_s, family
from benchmarks.spread import Spread
from benchmarks.workload import Workload
from models.predict.answer_file import names_beside
from models.report import table
from models.runtime.cores import available_cores
from models.store.repository import Repository
from server.settings import SHIPPED_MODELS

RESULTS = ROOT / "benchmarks" / "results" / "bulk.json"
NAMES_PER_CORE = 20_000  # more than a core gets through in some seconds
TARGET = 0.95
READY_S, WARM_UP_S, LOOK_S = 180.0, 0.5, 0.01


def main(argv: Sequence[str] | None = None) -> int:
    """Measure every model; returns 1 where the median is below the target."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each of the three in a round")
    repository = Repository(SHIPPED_MODELS)
    parser.add_argument("--models", nargs="+", choices=repository.names(), default=repository.names())
    args = parser.parse_args(argv)
    machine = describe()
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results = before["models"] if before.get("machine", {}).get("cpu") == machine["cpu"] else {}
    with ExitStack() as ends:
        for name in args.models:
            workload = Workload(name, repository.root, repository.load(name), photos())
            folder = Path(ends.enter_context(tempfile.TemporaryDirectory()))
            results[name] = measure(workload, folder, num_rounds=args.rounds, seconds=args.seconds)
            RESULTS.write_text(json.dumps({"machine": machine, "models": results}, indent=2) + "\n")
    written = f"{results_table(results)}\n"
    RESULTS.with_suffix(".md").write_text(f"`python -m benchmarks.bulk` on {machine['cpu']}:\n\n```\n{written}```\n")
    print(written, end="")
    return int(any(result["over_decode_and_run"]["median"] < TARGET for result in results.values()))


def measure(workload: Workload, folder: Path, *, num_rounds: int, seconds: float) -> dict[str, Any]:
    """Run the rounds of one model."""
    names = []
    for number, photo in enumerate(workload.photos):
        names.append(folder / f"{number}.jpg")
        names[-1].write_bytes(photo)
    listed = folder / "list.txt"
    num_names = NAMES_PER_CORE * available_cores()
    listed.write_text("".join(f"{names[number % len(names)]}\n" for number in range(num_names)))
    looks = {
        arrangement: run_in_process(workload, arrangement, seconds) for arrangement in arrangements(available_cores())
    }
    best = max(looks, key=lambda arrangement: looks[arrangement].rate)
    alone = Arrangement(available_cores(), 1, best.batch_size)
    rounds = []
    for number in range(num_rounds):
        run: dict[str, Callable[[], Baseline]] = {
            "predict": lambda: run_predict(workload.model, listed, folder / "answers.csv", seconds),
            "decode_and_run": lambda: run_in_process(workload, best, seconds),
            "run_alone": lambda: run_in_process(workload, alone, seconds, is_decoded=True),
        }
        order = list(run) if number % 2 == 0 else list(reversed(run))
        taken = {name: asdict(run[name]()) for name in order}
        rounds.append(taken)
        print(
            f"{workload.name}: " + ", ".join(f"{name} {each['rate']:.0f}/s" for name, each in taken.items()), flush=True
        )
    return {
        "arrangement": str(best),
        "rounds": rounds,
        "over_decode_and_run": ratio(rounds, "predict", "decode_and_run", "rate"),
        "over_run_alone": ratio(rounds, "predict", "run_alone", "rate"),
        "by_cpu_time": ratio(rounds, "decode_and_run", "predict", "cpu_ms_per_image"),
    }


def run_predict(model: str, listed: Path, out: Path, seconds: float) -> Baseline:
    """Run the command as a user does, and count the rows that it writes for so long, once it is under way."""
    command = [sys.executable, "-m", "models", "predict", model, str(listed), "--out", str(out)]
    command += ["--runtime", "litert"]  # as in_process.py
    part, record = names_beside(out)
    for left in (part, record):
        left.unlink(missing_ok=True)
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        look_when_it_grows(part, process)  # the head
        look_when_it_grows(part, process)
        time.sleep(WARM_UP_S)
        before = look_when_it_grows(part, process)
        time.sleep(seconds)
        after = look_when_it_grows(part, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
    with part.open("rb") as rows:
        rows.seek(before.num_bytes)
        num_rows = rows.read(after.num_bytes - before.num_bytes).count(b"\n")
    return Baseline(num_rows / (after.at_s - before.at_s), 1000 * (after.cpu_s - before.cpu_s) / num_rows)


class Look(NamedTuple):
    """How far a command was at a time: bytes of rows, and the processor time of all of its processes."""

    at_s: float
    num_bytes: int
    cpu_s: float


def look_when_it_grows(part: Path, process: subprocess.Popen[bytes]) -> Look:
    """Wait for the next rows, so that the time is that of a whole number of them."""
    size = part.stat().st_size if part.exists() else 0
    give_up_at = time.monotonic() + READY_S
    while not part.exists() or part.stat().st_size <= size:
        if process.poll() is not None or time.monotonic() > give_up_at:
            raise RuntimeError("the command writes no rows")
        time.sleep(LOOK_S)
    return Look(time.monotonic(), part.stat().st_size, cpu_s(family(process.pid)))


def ratio(rounds: Sequence[dict[str, Any]], above: str, below: str, of: str) -> dict[str, Any]:
    """Divide what each round has."""
    spread = Spread(tuple(taken[above][of] / taken[below][of] for taken in rounds))
    return {"median": spread.median, "runs": spread.runs}


def results_table(results: dict[str, Any]) -> str:
    """Write a row for each model: rates, and the ratios with their least and largest round."""
    header = ("MODEL", "PREDICT/S", "DECODE+RUN/S", "RUN ALONE/S", "OVER DECODE+RUN", "BY CPU TIME", "OVER RUN ALONE")
    lines = []
    for name, result in results.items():
        rates = [
            f"{Spread(tuple(taken[which]['rate'] for taken in result['rounds'])).median:.0f}"
            for which in ("predict", "decode_and_run", "run_alone")
        ]
        ratios = [
            f"{result[key]['median']:.3f} ({min(result[key]['runs']):.2f} .. {max(result[key]['runs']):.2f})"
            for key in ("over_decode_and_run", "by_cpu_time", "over_run_alone")
        ]
        lines.append((name, *rates, *ratios))
    return table(header, lines)


if __name__ == "__main__":
    sys.exit(main())
