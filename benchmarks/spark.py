"""`python -m models.spark` on this machine, over what the same cores reach without it, in pairs of one run.

    .venv/spark/bin/python -m benchmarks.spark            # writes benchmarks/results/spark.json and spark.md
    .venv/spark/bin/python -m benchmarks.spark --rounds 3 --pictures 16000

In each round the command classifies a folder of photos, and decoding and inference of the same photos in memory run
before or after it, as in `bulk.py`. Time and processor time of the command, those of all its processes, are taken from
its record (`_run.json`) to its end (`_SUCCESS`): without the start of Java, which is the same for one picture and for
millions.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.bulk import LOOK_AT_ARRANGEMENT_S, Loop, ratio, turn
from benchmarks.folders import ROOT
from benchmarks.in_process import Baseline, arrangements, run_in_process
from benchmarks.machine import describe
from benchmarks.pictures import photos
from benchmarks.processes import cpu_s, family, pss_bytes
from benchmarks.spread import Spread
from benchmarks.workload import RESNET50, Workload, resnet50
from models.report import table
from models.runtime.cores import available_cores
from models.spark.output import RECORD, SUCCESS
from models.store.repository import Repository
from server.settings import SHIPPED_MODELS

RESULTS = ROOT / "benchmarks" / "results" / "spark.json"
TARGET = 0.85
LOOK_S, GIVE_UP_S = 0.005, 600.0
FOLDERS = 20


def main(argv: Sequence[str] | None = None) -> int:
    """Measure one model; returns 1 where the median is below the target."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spark", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of decoding and inference alone, in a round")
    parser.add_argument("--pictures", type=int, default=12_000)
    repository = Repository(SHIPPED_MODELS)
    parser.add_argument("--model", choices=[*repository.names(), RESNET50], default="cifar10")
    args = parser.parse_args(argv)
    is_shipped = args.model in repository.names()
    workload = (
        Workload(args.model, repository.root, repository.load(args.model), photos()) if is_shipped else resnet50()
    )
    with tempfile.TemporaryDirectory() as folder:
        write_photos(workload, Path(folder, "photos"), args.pictures)
        rounds = measure(workload, Path(folder), num_rounds=args.rounds, seconds=args.seconds)
    results = json.loads(RESULTS.read_text())["models"] if RESULTS.exists() else {}
    results[args.model] = {
        "pictures": args.pictures,
        "rounds": rounds,
        "over_decode_and_run": ratio(rounds, "spark", "decode_and_run", "rate"),
        "by_cpu_time": ratio(rounds, "decode_and_run", "spark", "cpu_ms_per_image"),
    }
    machine = describe()
    RESULTS.write_text(json.dumps({"machine": machine, "models": results}, indent=2) + "\n")
    written = f"{results_table(results)}\n"
    RESULTS.with_suffix(".md").write_text(f"`python -m benchmarks.spark` on {machine['cpu']}:\n\n```\n{written}```\n")
    print(written, end="")
    return int(results[args.model]["over_decode_and_run"]["median"] < TARGET)


def measure(workload: Workload, folder: Path, *, num_rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Run the rounds."""
    looks = {
        arrangement: run_in_process(workload, arrangement, LOOK_AT_ARRANGEMENT_S)
        for arrangement in arrangements(available_cores())
    }
    rounds: list[dict[str, Any]] = []
    with Loop(workload, max(looks, key=lambda arrangement: looks[arrangement].rate)) as loop:
        for number in range(num_rounds):
            taken: dict[str, Any] = {}
            for name in ("spark", "decode_and_run")[:: 1 if number % 2 else -1]:
                if name == "spark":
                    taken[name], taken["pss_mb"] = run_spark(workload, folder / "photos", folder / f"answers-{number}")
                else:
                    taken[name] = asdict(turn(loop, seconds))
            rounds.append(taken)
            print(f"{workload.name}: {json.dumps(taken)}", flush=True)
    return rounds


def write_photos(workload: Workload, folder: Path, num_pictures: int) -> None:
    """Write the photos over and over, in some folders."""
    for number in range(num_pictures):
        path = folder / str(number % FOLDERS) / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(workload.photos[number % len(workload.photos)])


def run_spark(workload: Workload, source: Path, out: Path) -> tuple[dict[str, float], list[int]]:
    """Run the command; returns its pace, and the memory of all its processes once a second."""
    command = [sys.executable, "-m", "models.spark", workload.model, str(source), "--out", str(out)]
    command += ["--repository", str(workload.repository), "--runtime", "litert", "--json"]
    environ = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"}
    memory: list[int] = []
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        begun_s, before_s = wait_for(out / RECORD, process, [])
        ended_s, after_s = wait_for(out / SUCCESS, process, memory)
        told = json.loads(process.communicate()[0])
    num = told["rows"]
    pace = Baseline(num / (ended_s - begun_s), 1000 * (after_s - before_s) / num)
    return asdict(pace), memory


def wait_for(path: Path, process: subprocess.Popen[bytes], memory: list[int]) -> tuple[float, float]:
    """Wait for a file; returns the time, and the processor time of the command until then."""
    give_up_at, next_look_at = time.monotonic() + GIVE_UP_S, time.monotonic() + 1
    while not path.exists():
        if process.poll() is not None or time.monotonic() > give_up_at:
            raise RuntimeError(f"the command has not written {path.name}")
        if time.monotonic() > next_look_at:
            memory.append(pss_bytes(family(process.pid)) // 10**6)
            next_look_at += 1
        time.sleep(LOOK_S)
    return time.monotonic(), cpu_s(family(process.pid))


def results_table(results: dict[str, Any]) -> str:
    """Write a row for each model: rates, and the ratios with their least and largest round."""
    lines = []
    for name, result in results.items():
        rates = [
            f"{Spread(tuple(taken[which]['rate'] for taken in result['rounds'])).median:.0f}"
            for which in ("spark", "decode_and_run")
        ]
        ratios = [
            f"{result[key]['median']:.3f} ({min(result[key]['runs']):.2f} .. {max(result[key]['runs']):.2f})"
            for key in ("over_decode_and_run", "by_cpu_time")
        ]
        lines.append((name, str(result["pictures"]), *rates, *ratios))
    return table(("MODEL", "PICTURES", "SPARK/S", "DECODE+RUN/S", "OVER DECODE+RUN", "BY CPU TIME"), lines)


if __name__ == "__main__":
    sys.exit(main())
