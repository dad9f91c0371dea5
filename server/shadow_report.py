"""Tells from the metrics how far the answers of shadows are from those that were sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from prometheus_client.metrics_core import Metric

from server.engine.shadows import AGREES, DIFFERS, DROPPED, FAILED

IMAGES, DISTANCE = "opsin_shadow_images", "opsin_shadow_distance"


def shadow_report(families: Iterable[Metric]) -> dict[tuple[str, int], dict[str, Any]]:
    """Sum up, by name and version of each that was a shadow since the server started.

    Returns:
        compared: images that both answered; agreement: the share of them with the same likeliest label; distance: the
        mean total variation distance of the probabilities, in [0, 1]; failed and dropped: images without an answer.
    """
    counts: dict[tuple[str, int], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for family in families:
        if family.name in (IMAGES, DISTANCE):
            for sample in family.samples:
                version = sample.labels["model"], int(sample.labels["version"])
                counts[version][sample.labels.get("outcome", sample.name)] += sample.value
    return {version: _summary(of) for version, of in counts.items()}


def _summary(counts: dict[str, float]) -> dict[str, Any]:
    num_compared = counts[AGREES] + counts[DIFFERS]
    return {
        "compared": int(num_compared),
        "agreement": counts[AGREES] / num_compared if num_compared else None,
        "distance": counts[f"{DISTANCE}_sum"] / num_compared if num_compared else None,
        "failed": int(counts[FAILED]),
        "dropped": int(counts[DROPPED]),
    }
