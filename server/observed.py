"""What this server has measured of a version: the runtimes that it tried, and what its visitors' pictures took."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client.metrics_core import Metric

from models.runtime.cores import available_cores
from models.runtime.processor import cpu_name
from models.runtime_choice.record import RuntimeChoice, timed
from server.engine.catalogue import ServedModel
from server.open_inference.statistics import statistics

NS_PER_MS = 10**6


def measured_here(model: ServedModel, choice: RuntimeChoice, metrics: Iterable[Metric]) -> dict[str, Any]:
    """Return it as JSON; times are means over all pictures since the server started, None where there were none.

    Args:
        model: a version that is served.
        choice: of its runtime.
        metrics: of all processes.
    """
    [counts] = statistics(metrics, [model])["model_stats"]
    found = counts["inference_stats"]
    trials = [
        {"runtime": runtime, "lone_ms": lone_ms, "images_per_s": images_per_s}
        for runtime, lone_ms, images_per_s in timed(choice.trials)
    ]
    return {
        "processor": cpu_name(),
        "num_cores": available_cores(),
        "runtime": choice.runtime,
        "reason": choice.reason,
        "trials": trials,
        "num_images": counts["inference_count"],
        "inference_ms": _mean_ms(found["compute_infer"]),
        "queue_ms": _mean_ms(found["queue"]),
        "decode_ms": _mean_ms(found["compute_input"]),
    }


def _mean_ms(statistic: dict[str, int]) -> float | None:
    return round(statistic["ns"] / statistic["count"] / NS_PER_MS, 3) if statistic["count"] else None
