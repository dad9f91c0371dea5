"""The process that touches the card: measures rows, one after the other, and writes each as a line of JSON.

`benchmarks.gpu_rows` starts it, reads its lines, and starts another where a row takes it down.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.gpu_plan import GPUPlan, Spec

MARK = "@row "


def main(argv: list[str]) -> int:
    """Measure the rows of a request: {"plan", "specs", "repository"} as JSON, the only argument."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    request = json.loads(argv[0])
    plan, repository = GPUPlan(**request["plan"]), Path(request["repository"])
    measures = _measures(plan, repository)
    for index, spec in enumerate(request["specs"]):
        try:
            record = measures[spec["kind"]](spec)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next row may be measured
            record = {"error": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
        _write({"index": index, "record": record})
        gc.collect()
    return 0


def _measures(plan: GPUPlan, repository: Path) -> dict[str, Callable[[Spec], dict[str, Any]]]:
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    from benchmarks.gpu_feeding import measure_feeding
    from benchmarks.gpu_inference import measure_inference
    from benchmarks.gpu_limits import device_details, measure_copy, measure_limit
    from benchmarks.gpu_model import publish
    from benchmarks.gpu_training import measure_training

    return {
        "limit": lambda spec: measure_limit(plan, spec),
        "copy": lambda spec: measure_copy(plan, spec),
        "model": lambda _: {**asdict(publish(plan, repository)), "device": device_details()},
        "inference": lambda spec: measure_inference(plan, spec, repository),
        "training": lambda spec: measure_training(plan, spec),
        "feeding": lambda spec: measure_feeding(plan, spec),
    }


def _write(line: dict[str, Any]) -> None:
    print(MARK + json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
