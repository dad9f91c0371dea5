"""What the versions have done since the server started, as the statistics extension of the protocol has it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client.metrics_core import Metric

from server.engine.catalogue import ServedModel

OK = "ok"
NS_PER_S = 10**9

Counts = Mapping[tuple[str, str, str], float]  # by model, version, and one label more


def statistics(metrics: Iterable[Metric], models: Sequence[ServedModel]) -> dict[str, Any]:
    """Write the statistics of versions by the metrics of all processes, which count images, and batches of them."""
    found = {metric.name: metric for metric in metrics}
    images = _counts(found.get("opsin_images"), "outcome")
    executions = _counts(found.get("opsin_executions"), "size")
    seconds = _counts(found.get("opsin_execution_seconds"), "stage")
    return {"model_stats": [_of_version(model, images, executions, seconds) for model in models]}


def _of_version(model: ServedModel, images: Counts, executions: Counts, seconds: Counts) -> dict[str, Any]:
    which = (model.name, str(model.version))

    def of(counts: Counts) -> dict[str, float]:
        return {label: value for (*version, label), value in counts.items() if tuple(version) == which}

    batches = {int(size): int(count) for size, count in of(executions).items()}
    stages, outcomes = of(seconds), of(images)
    num_ok, num_run = int(outcomes.get(OK, 0)), sum(size * count for size, count in batches.items())
    num_failed = int(sum(outcomes.values())) - num_ok

    def statistic(count: int, *names: str) -> dict[str, int]:
        return {"count": count, "ns": round(NS_PER_S * sum(stages.get(name, 0) for name in names))}

    return {
        "name": model.name,
        "version": str(model.version),
        "inference_count": num_ok,
        "execution_count": sum(batches.values()),
        "inference_stats": {
            "success": statistic(num_ok, "decode", "queue", "inference"),
            "fail": {"count": num_failed, "ns": 0},
            "queue": statistic(num_run, "queue"),
            "compute_input": statistic(num_ok + num_failed, "decode"),
            "compute_infer": statistic(num_run, "inference"),
            "compute_output": {"count": num_ok, "ns": 0},
        },
        "batch_stats": [
            {"batch_size": size, "count": batches[size], "compute_infer": {"count": batches[size], "ns": 0}}
            for size in sorted(batches)
        ],
    }


def _counts(metric: Metric | None, label: str) -> Counts:
    counts: dict[tuple[str, str, str], float] = defaultdict(float)
    for sample in metric.samples if metric else ():
        if sample.name.endswith("_total"):
            labels = sample.labels
            counts[labels["model"], labels["version"], labels[label]] += sample.value
    return counts
