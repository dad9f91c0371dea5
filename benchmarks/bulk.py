"""`python -m models predict` over what the same cores reach without it, on every model of the zoo, in one run.

    python -m benchmarks.bulk                  # writes benchmarks/results/bulk.json and bulk.md, prints the table
    python -m benchmarks.bulk --rounds 3 --models cifar10    # one anew, the others as they were

Four things run in turn in every round, each in processes of its own on all cores: the command, on a list of the photos
over and over; decoding and inference of the same photos in memory, in the best of the arrangements of `in_process.py`
(by a look before the rounds); the same picture by picture, which alone gives the server's answers to the last bit (the
softmax of a batch does not); and inference alone, on pixels that are decoded already. All are started once; who has no
turn is halted (SIGSTOP). Ratios are taken within a round. A machine with other work to do changes the pace from one
second to the next, and takes cores from whoever runs: beside the rates stands the processor time of an image.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from benchmarks.folders import ROOT
from benchmarks.in_process import Arrangement, Baseline, arrangements, run_in_process, turns_of
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
READY_S, WARM_UP_S, LOOK_S = 180.0, 0.2, 0.002
LOOK_AT_ARRANGEMENT_S = 1.0
# As the table calls them.
TURNS = {
    "predict": "PREDICT",
    "decode_and_run": "DECODE+RUN",
    "one_by_one": "ONE BY ONE",
    "run_alone": "RUN ALONE",
}
RATIOS = {
    "over_decode_and_run": "OVER DECODE+RUN",
    "by_cpu_time": "BY CPU TIME",
    "over_one_by_one": "OVER ONE BY ONE",
    "one_by_one_by_cpu_time": "BY CPU TIME",
    "over_run_alone": "OVER RUN ALONE",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure every model; returns 1 where the median is below the target."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1.2, help="of each of the four in a round")
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
    looks = {
        arrangement: run_in_process(workload, arrangement, LOOK_AT_ARRANGEMENT_S)
        for arrangement in arrangements(available_cores())
    }
    best = max(looks, key=lambda arrangement: looks[arrangement].rate)
    exact = max((each for each in looks if each.batch_size == 1), key=lambda arrangement: looks[arrangement].rate)
    alone = Arrangement(available_cores(), 1, best.batch_size)
    rounds = []
    with (
        Command(workload.model, listed(workload, folder), folder / "answers.csv") as command,
        Loop(workload, best) as decode_and_run,
        Loop(workload, exact) as one_by_one,
        Loop(workload, alone, is_decoded=True) as run_alone,
    ):
        turns: dict[str, Halted] = {
            "predict": command,
            "decode_and_run": decode_and_run,
            "one_by_one": one_by_one,
            "run_alone": run_alone,
        }
        for number in range(num_rounds):
            order = list(turns) if number % 2 == 0 else list(reversed(turns))
            taken = {name: asdict(turn(turns[name], seconds)) for name in order}
            rounds.append(taken)
            rates = ", ".join(f"{name} {each['rate']:.0f}/s" for name, each in taken.items())
            print(f"{workload.name}: {rates}", flush=True)
    return {
        "arrangement": str(best),
        "rounds": rounds,
        "over_decode_and_run": ratio(rounds, "predict", "decode_and_run", "rate"),
        "by_cpu_time": ratio(rounds, "decode_and_run", "predict", "cpu_ms_per_image"),
        "over_one_by_one": ratio(rounds, "predict", "one_by_one", "rate"),
        "one_by_one_by_cpu_time": ratio(rounds, "one_by_one", "predict", "cpu_ms_per_image"),
        "over_run_alone": ratio(rounds, "predict", "run_alone", "rate"),
    }


def listed(workload: Workload, folder: Path) -> Path:
    """Write the photos into a folder, and a list that names them over and over."""
    names = [folder / f"{number}.jpg" for number in range(len(workload.photos))]
    for name, photo in zip(names, workload.photos, strict=True):
        name.write_bytes(photo)
    path = folder / "list.txt"
    num_names = NAMES_PER_CORE * available_cores()
    path.write_text("".join(f"{names[number % len(names)]}\n" for number in range(num_names)))
    return path


class Look(NamedTuple):
    """How far something was at a time: images, and the processor time of all of its processes."""

    at_s: float
    num_images: int
    cpu_s: float


class Halted(Protocol):
    """What runs in its turn alone."""

    def pids(self) -> list[int]:
        """Its processes."""

    def look(self) -> Look:
        """See how far it is."""


def turn(whose: Halted, seconds: float) -> Baseline:
    """Let it run for so long, once it is under way."""
    signal_all(whose, signal.SIGCONT)
    try:
        time.sleep(WARM_UP_S)
        before = whose.look()
        time.sleep(seconds)
        after = whose.look()
    finally:
        signal_all(whose, signal.SIGSTOP)
    num_images = after.num_images - before.num_images
    return Baseline(num_images / (after.at_s - before.at_s), 1000 * (after.cpu_s - before.cpu_s) / num_images)


def signal_all(whose: Halted, number: signal.Signals) -> None:
    """Signal all its processes."""
    for pid in whose.pids():
        with suppress(ProcessLookupError):
            os.kill(pid, number)


class Command:
    """The command as a user runs it, halted but for its turns; a context manager, which ends it."""

    def __init__(self, model: str, names: Path, out: Path) -> None:
        command = [sys.executable, "-m", "models", "predict", model, str(names), "--out", str(out)]
        command += ["--runtime", "litert"]  # as in_process.py
        self._part, _ = names_beside(out)
        self._num_bytes = self._num_rows = 0  # that have been read
        self._process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)

    def __enter__(self) -> Command:
        """Wait for the first rows."""
        self.look()
        self.look()
        signal_all(self, signal.SIGSTOP)
        return self

    def __exit__(self, *_: object) -> None:
        signal_all(self, signal.SIGKILL)
        self._process.wait()

    def pids(self) -> list[int]:
        """Its processes."""
        return family(self._process.pid)

    def look(self) -> Look:
        """Wait for the next rows, so that the time is that of a whole number of them."""
        give_up_at, size = time.monotonic() + READY_S, self._size()
        while self._size() <= size:
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError("the command writes no rows")
            time.sleep(LOOK_S)
        at_s, cpu = time.monotonic(), cpu_s(self.pids())
        with self._part.open("rb") as rows:
            rows.seek(self._num_bytes)
            new = rows.read()
        self._num_bytes += len(new)
        self._num_rows += new.count(b"\n")
        return Look(at_s, self._num_rows, cpu)

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0


class Loop:
    """Processes that decode and classify, or classify alone, for ever; a context manager, which ends them."""

    def __init__(self, workload: Workload, arrangement: Arrangement, *, is_decoded: bool = False) -> None:
        context = multiprocessing.get_context("spawn")
        self._counts = context.RawArray("q", arrangement.processes)
        self._processes = [
            context.Process(
                target=repeat, args=(workload, arrangement, self._counts, number), kwargs={"is_decoded": is_decoded}
            )
            for number in range(arrangement.processes)
        ]

    def __enter__(self) -> Loop:
        """Start them, and wait until all are under way."""
        for process in self._processes:
            process.start()
        give_up_at = time.monotonic() + READY_S
        while not all(self._counts):
            if time.monotonic() > give_up_at or not all(process.is_alive() for process in self._processes):
                raise RuntimeError("a loop does not run")
            time.sleep(LOOK_S)
        signal_all(self, signal.SIGSTOP)
        return self

    def __exit__(self, *_: object) -> None:
        signal_all(self, signal.SIGKILL)
        for process in self._processes:
            process.join()

    def pids(self) -> list[int]:
        """Its processes."""
        return [process.pid for process in self._processes if process.pid is not None]

    def look(self) -> Look:
        """See how far they are."""
        return Look(time.monotonic(), sum(self._counts), cpu_s(self.pids()))


def repeat(workload: Workload, arrangement: Arrangement, counts: Any, number: int, *, is_decoded: bool) -> None:
    """Count what one process of an arrangement does; its threads count in turn."""
    turns = turns_of(workload, arrangement, is_decoded=is_decoded)
    lock = threading.Lock()

    def repeat_one(one: Callable[[int], object]) -> None:
        done = 0
        while True:
            one(done)
            done += arrangement.batch_size
            with lock:
                counts[number] += arrangement.batch_size

    for one in turns[1:]:
        threading.Thread(target=repeat_one, args=(one,), daemon=True).start()
    repeat_one(turns[0])


def ratio(rounds: Sequence[dict[str, Any]], above: str, below: str, of: str) -> dict[str, Any]:
    """Divide what each round has."""
    spread = Spread(tuple(taken[above][of] / taken[below][of] for taken in rounds))
    return {"median": spread.median, "runs": spread.runs}


def results_table(results: dict[str, Any]) -> str:
    """Write a row for each model: rates, and the ratios with their least and largest round."""
    header = ("MODEL", *(f"{name}/S" for name in TURNS.values()), *RATIOS.values())
    lines = []
    for name, result in results.items():
        rates = [f"{Spread(tuple(taken[which]['rate'] for taken in result['rounds'])).median:.0f}" for which in TURNS]
        ratios = [
            f"{result[key]['median']:.3f} ({min(result[key]['runs']):.2f} .. {max(result[key]['runs']):.2f})"
            for key in RATIOS
        ]
        lines.append((name, *rates, *ratios))
    return table(header, lines)


if __name__ == "__main__":
    sys.exit(main())
