"""The command `python -m benchmarks.gpu`: measure a GPU host, write JSON and a table after every row, print it last."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.figures import report, write_report
from benchmarks.folders import CACHE, RESULTS
from benchmarks.gpu_figures import GPUFigures
from benchmarks.gpu_http import measure_http
from benchmarks.gpu_plan import PARTS, GPUPlan
from benchmarks.gpu_rows import Row, measure_rows
from benchmarks.processes import exit_at_sigterm
from server.devices import visible_gpus


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; returns 0 if all was measured and all targets are met, 1 if not, 2 if there is no GPU."""
    arguments = _parse(argv)
    plan = GPUPlan.tiny() if arguments.tiny else GPUPlan(minutes=arguments.minutes, parts=arguments.only)
    if not arguments.tiny and not visible_gpus(os.environ):
        print("python -m benchmarks.gpu: no GPU is visible; --tiny runs all of it on the CPU", file=sys.stderr)
        return 2
    folder = arguments.output or (CACHE / "results" if arguments.tiny else RESULTS)
    where = {
        **machine.describe(),
        "gpu": _nvidia_smi(),
        "command": " ".join(["python -m benchmarks.gpu", *sys.argv[1:]]),
    }
    about: dict[str, Any] = {"machine": where, "heading": _heading(where), "plan": plan.to_dict()}
    exit_at_sigterm()
    rows: list[Row] = []
    for spec, record in _measure(plan):
        rows.append((spec, record))
        plan.say(f"{_words(spec)}: {record.get('error') or format(record.get('rate', 0.0), ',.4g')}")
        write_report(GPUFigures(plan, rows).all(), folder / "gpu", **about)
    return report(GPUFigures(plan, rows).all(), folder / "gpu", **about)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description="Measure training, inference and serving on this machine's GPU, which must have nothing else to "
        "do. Writes gpu.json and gpu.md to benchmarks/results after every row.",
    )
    parser.add_argument(
        "--minutes", type=float, default=25.0, help="for everything; the most important rows first (25)"
    )
    parser.add_argument(
        "--only",
        type=_parts,
        default=PARTS,
        metavar="PART[,PART]",
        help=f"some of: {', '.join(PARTS)}; for a short slot",
    )
    parser.add_argument("--tiny", action="store_true", help="every experiment at its smallest, on the CPU too")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder to write to")
    return parser.parse_args(argv)


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(text.split(","))
    if unknown := [part for part in parts if part not in PARTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(PARTS)}")
    return parts


def _measure(plan: GPUPlan) -> Iterator[Row]:
    before, after = plan.groups()
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "repository"
        for specs in before:
            yield from measure_rows(plan, specs, repository)
        if "http" in plan.parts:
            yield from measure_http(plan, repository)
        for specs in after:
            yield from measure_rows(plan, specs, repository)


def _heading(where: dict[str, Any]) -> str:
    return (
        f"{where['gpu'] or 'no GPU'}; {where['cpu']}, {where['num_cores']} cores, commit {where['commit']}"
        f"{' with changes' if where['has_uncommitted_changes'] else ''}, {where['date']}, `{where['command']}`\n\n"
    )


def _nvidia_smi() -> str:
    """Name, memory and driver of the first card, as the driver's own tool says."""
    command = ("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.partition("\n")[0]
    except (OSError, subprocess.SubprocessError):
        return ""


def _words(spec: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in spec.items())


if __name__ == "__main__":
    sys.exit(main())
