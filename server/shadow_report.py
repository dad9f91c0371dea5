"""Tells from the metrics how far the answers of shadows are from those that were sent."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client.metrics_core import Metric

from server.engine.shadows import AGREES, DIFFERS, DROPPED, FAILED

KEPT_S = 0.5  # by which /readyz, which anybody may ask, does not read the metrics of all processes each time
IMAGES, DISTANCE = "opsin_shadow_images_total", "opsin_shadow_distance_sum"  # samples


Report = dict[tuple[str, int], dict[str, Any]]


class ShadowReports:
    """Gives the report, and for a moment the one of before. Any thread may ask.

    Args:
        collect: gives the metrics.
        clock: monotonic.
    """

    def __init__(self, collect: Callable[[], Iterable[Metric]], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._collect, self._clock = collect, clock
        self._made: tuple[float, Report] | None = None

    def latest(self) -> Report:
        """Return a report that is not older than KEPT_S."""
        now = self._clock()
        if self._made is None or now > self._made[0] + KEPT_S:
            self._made = now, shadow_report(self._collect())
        return self._made[1]


def shadow_report(families: Iterable[Metric]) -> Report:
    """Sum up, by name and version of each that was a shadow since the server started.

    Returns:
        compared: images that both answered; agreement: the share of them with the same likeliest label; distance: the
        mean total variation distance of the probabilities, in [0, 1]; failed and dropped: images without an answer.
    """
    counts: dict[tuple[str, int], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for family in families:
        for sample in family.samples:
            if sample.name in (IMAGES, DISTANCE):
                version = sample.labels["model"], int(sample.labels["version"])
                counts[version][sample.labels.get("outcome", DISTANCE)] += sample.value
    return {version: _summary(of) for version, of in counts.items()}


def _summary(counts: dict[str, float]) -> dict[str, Any]:
    num_compared = counts[AGREES] + counts[DIFFERS]
    return {
        "compared": int(num_compared),
        "agreement": counts[AGREES] / num_compared if num_compared else None,
        "distance": counts[DISTANCE] / num_compared if num_compared else None,
        "failed": int(counts[FAILED]),
        "dropped": int(counts[DROPPED]),
    }
