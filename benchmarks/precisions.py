"""int8 against float32 in each runtime, with VNNI and without, model by model: what an int8 file gains where.

    .venv/dev/bin/python -m benchmarks.precisions              # writes benchmarks/results/precisions.json and .md
    .venv/dev/bin/python -m benchmarks.precisions --rounds 30 --models cifar10

The int8 file of every model of the zoo, and that of ResNet-50 where `python -m benchmarks.resnet50` has made it, beside
a float32 file of the same network (of random weights: what a picture costs does not depend on them); ONNX Runtime has
the files that these are converted to. One picture on one core; all six in every round, in an order drawn anew. Each
model has a process of its own, and a second one from which `hidden_instructions` hides all that is newer than AVX2. It
needs TensorFlow and all three runtimes, as the environment for development has them.
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
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.folders import RESULTS
from benchmarks.hidden_instructions import CannotHide, environment_without_vnni
from benchmarks.machine import describe, in_words
from benchmarks.pictures import photos
from benchmarks.resnet50 import NAME as RESNET50
from benchmarks.resnet50 import REPOSITORY as LARGE_MODELS
from benchmarks.spread import Spread
from models.network.architectures import architecture_from_dict, build
from models.network.export import export_float32
from models.pixels.preprocessing import preprocess
from models.portable.onnx_file import convert as convert_to_onnx
from models.report import table
from models.runtime import Runtime
from models.runtime.litert import LiteRTRuntime
from models.runtime.onnxruntime import OnnxRuntime
from models.runtime.openvino import OpenVINORuntime
from models.runtime.processor import has_saturating_int8
from models.store.artifact import Artifact
from models.store.repository import Repository
from server.settings import SHIPPED_MODELS

Times = dict[str, list[float]]

KINDS = ("with VNNI", "without VNNI")
RUNTIMES = ("LiteRT", "OpenVINO", "ONNX Runtime")
PRECISIONS = ("int8", "float32")
CONFIGURATIONS = tuple(" ".join(pair) for pair in product(RUNTIMES, PRECISIONS))
TURN_S = 0.02


def main(argv: Sequence[str] | None = None) -> int:
    """Measure each model on both kinds of processor; write and print the table."""
    models = dict.fromkeys(Repository(SHIPPED_MODELS).names(), SHIPPED_MODELS)
    if (LARGE_MODELS / RESNET50).exists():
        models[RESNET50] = LARGE_MODELS
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precisions", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--models", nargs="+", choices=models, default=list(models))
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)  # what the processes of one model do
    options = parser.parse_args(argv)
    if options.measure:
        [name] = options.models
        print(json.dumps(time_model(Repository(models[name]).load(name), options.rounds)))
        return 0
    rows = [(name, kind, _measured(name, kind, options.rounds)) for name in options.models for kind in kinds_here()]
    machine = describe()
    lines = [_row(name, kind, times) for name, kind, times in rows]
    text = table(("model", "processor", *CONFIGURATIONS, "best int8 over best float32", "over LiteRT's int8"), lines)
    print(text)
    document = {"machine": machine, "rounds": options.rounds, "rows": rows}
    (RESULTS / "precisions.json").write_text(json.dumps(document, indent=1) + "\n")
    heading = (
        f"# int8 and float32\n\n`python -m benchmarks.precisions`: {in_words(machine)}; {options.rounds} rounds.\n"
    )
    notes = "Milliseconds of one picture on one core, medians; ratios are taken within a round, with their quartiles.\n"
    (RESULTS / "precisions.md").write_text(f"{heading}\n{notes}\n```\n{text}\n```\n")
    return 0


def kinds_here() -> tuple[str, ...]:
    """Name the kinds of processor that can be measured on this one."""
    if has_saturating_int8():
        return KINDS[1:]
    try:
        environment_without_vnni({})
    except CannotHide as error:
        print(f"without VNNI nothing is measured: {error}", file=sys.stderr)
        return KINDS[:1]
    return KINDS


def time_model(artifact: Artifact, rounds: int) -> Times:
    """Time a picture in each configuration, in seconds, round by round."""
    manifest = artifact.manifest
    pictures = [preprocess(photo, manifest.pixels)[np.newaxis] for photo in photos()]
    tensors: dict[str, Any] = {"input_shape": pictures[0].shape[1:], "num_classes": len(manifest.labels)}
    with tempfile.TemporaryDirectory() as folder:
        float32 = Path(folder) / "float32.tflite"
        export_float32(build(architecture_from_dict(manifest.architecture)), float32)
        files = {"int8": artifact.model_path("litert"), "float32": float32}
        runtimes: dict[str, Runtime] = {}
        for precision, file in files.items():
            runtimes[f"LiteRT {precision}"] = LiteRTRuntime(file, **tensors, num_threads=1)
            runtimes[f"OpenVINO {precision}"] = OpenVINORuntime(file, **tensors, num_threads=1, batch_sizes=(1,))
            converted = Path(folder) / f"{precision}.onnx"
            converted.write_bytes(convert_to_onnx(file))
            runtimes[f"ONNX Runtime {precision}"] = OnnxRuntime(converted, **tensors, num_threads=1)
    for runtime in runtimes.values():
        _seconds(runtime, pictures, 2)
    order, times = np.random.default_rng(0), Times({name: [] for name in CONFIGURATIONS})
    calls = max(1, int(TURN_S / _seconds(runtimes["LiteRT int8"], pictures, 3)))
    for _ in range(rounds):
        for name in order.permutation(CONFIGURATIONS):
            times[name].append(_seconds(runtimes[name], pictures, calls))
    return times


def _seconds(runtime: Runtime, pictures: list[np.ndarray], calls: int) -> float:
    started = time.perf_counter()
    for call in range(calls):
        runtime.run(pictures[call % len(pictures)])
    return (time.perf_counter() - started) / calls


def _measured(name: str, kind: str, rounds: int) -> Times:
    hides = kind == KINDS[1] and not has_saturating_int8()
    environ = environment_without_vnni(os.environ) if hides else dict(os.environ)
    command = [sys.executable, "-m", "benchmarks.precisions", "--measure", "--models", name, "--rounds", str(rounds)]
    ran = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True)
    times: Times = json.loads(ran.stdout.splitlines()[-1])
    return times


def _row(name: str, kind: str, times: Times) -> tuple[str, ...]:
    seconds = {configuration: np.array(times[configuration]) for configuration in CONFIGURATIONS}
    best = {kind: np.min([seconds[f"{runtime} {kind}"] for runtime in RUNTIMES], axis=0) for kind in PRECISIONS}
    medians = (f"{1000 * Spread(tuple(times[configuration])).median:.2f}" for configuration in CONFIGURATIONS)
    return (
        name,
        kind,
        *medians,
        _quartiles(best["float32"] / best["int8"]),
        _quartiles(seconds["LiteRT int8"] / best["int8"]),
    )


def _quartiles(ratios: np.ndarray) -> str:
    low, middle, high = np.percentile(ratios, (25, 50, 75))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    sys.exit(main())
