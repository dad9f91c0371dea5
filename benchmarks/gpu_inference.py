"""Images a second in one process, without a server: the runtime that the engine has, in the engine's threads."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu_memory import peak_bytes, reset_peak
from benchmarks.gpu_model import NAME
from benchmarks.gpu_plan import GPUPlan, Spec
from benchmarks.gpu_rate import rates_of
from models.runtime.tensorflow import TensorFlowRuntime
from models.store.repository import Repository


def measure_inference(plan: GPUPlan, spec: Spec, repository: Path) -> dict[str, Any]:
    """One batch size with XLA or without: from pixels in the host's memory to probabilities there."""
    artifact = Repository(repository).load(NAME)
    manifest = artifact.manifest
    size, num_runners = spec["batch_size"], spec["num_runners"]
    reset_peak()
    began_at = time.perf_counter()
    runtimes = [
        TensorFlowRuntime(
            artifact.model_path("tensorflow"),
            input_shape=(manifest.pixels.height_px, manifest.pixels.width_px, 3),
            num_classes=len(manifest.labels),
            batch_sizes=(size,),
            measure=_only_with(spec["xla"]),
        )
        for _ in range(num_runners)
    ]
    load_s = time.perf_counter() - began_at
    try:
        if spec["xla"] and size not in runtimes[0].xla_batch_sizes:
            raise RuntimeError("XLA cannot compile it")
        found = rates_of(plan, _run_all(plan, runtimes, size), per_call=size * num_runners)
        return {**found, **manifest.provenance["work"], "device_bytes": peak_bytes(), "load_s": load_s}
    finally:
        for runtime in runtimes:
            runtime.close()


def _only_with(xla: bool) -> Callable[[Callable[[], object]], float]:
    """In the place of a clock: first is asked for the graph as it is, then for the compiled one; one of them is run."""
    asked: list[bool] = []

    def measure(call: Callable[[], object]) -> float:
        asked.append(True)
        is_compiled = len(asked) % 2 == 0
        if is_compiled != xla:
            return math.inf
        call()
        return 0.0

    return measure


def _run_all(plan: GPUPlan, runtimes: list[TensorFlowRuntime], size: int) -> Callable[[int], None]:
    images = np.random.default_rng(0).integers(0, 256, (size, plan.image_px, plan.image_px, 3), np.uint8)

    def repeat(runtime: TensorFlowRuntime, num_calls: int) -> None:
        for _ in range(num_calls):
            probabilities = runtime.run(images)
        if not np.isfinite(probabilities).all():
            raise RuntimeError("the probabilities are not finite")

    def run(num_calls: int) -> None:
        with ThreadPoolExecutor(len(runtimes)) as pool:
            list(pool.map(lambda runtime: repeat(runtime, num_calls), runtimes))

    return run
