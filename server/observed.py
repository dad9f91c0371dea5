"""What this server has measured of a version: the runtimes that it tried, and what its visitors' pictures took."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client.metrics_core import Metric

from models.runtime.cores import available_cores
from models.runtime.processor import cpu_name
from models.runtime_choice.record import BASELINE, RuntimeChoice
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
    trials: dict[str, dict[str, Any]] = {}
    for trial in choice.trials:
        for place, runtime in enumerate((BASELINE, trial.runtime) if trial.num_pictures else ()):
            figures = {"lone_ms": trial.lone_ms[place], "images_per_s": trial.images_per_s[place]}
            trials.setdefault(runtime, {"runtime": runtime, **figures})
    return {
        "processor": cpu_name(),
        "num_cores": available_cores(),
        "runtime": choice.runtime,
        "reason": choice.reason,
        "trials": list(trials.values()),
        "num_images": counts["inference_count"],
        "inference_ms": _mean_ms(found["compute_infer"]),
        "queue_ms": _mean_ms(found["queue"]),
        "decode_ms": _mean_ms(found["compute_input"]),
    }


def _mean_ms(statistic: dict[str, int]) -> float | None:
    return round(statistic["ns"] / statistic["count"] / NS_PER_MS, 3) if statistic["count"] else None
