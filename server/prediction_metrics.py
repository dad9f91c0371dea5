"""Tells Prometheus what the versions that are served answer, and how far that is from what was expected of them.

Labels are bounded: by the versions that are served, and by MAX_CLASSES labels of each.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from models.store.expected_answers import CONFIDENCE_BOUNDS
from server.drift import Counts, class_bins, index_by_chance, stability_index
from server.engine.catalogue import ServedModel
from server.engine.client import EngineClient
from server.metrics import OTHER
from server.prediction_counts import Counted, PredictionCounts

MAX_CLASSES = 100  # of a version that have a label of their own
MIN_RECENT = 100  # fewer answers say nothing of drift
MODEL = ("model", "version")


class PredictionMetrics(Collector):
    """Collects the answers of all HTTP workers."""

    def __init__(self, engine: EngineClient, counts: PredictionCounts) -> None:
        self._engine, self._counts = engine, counts

    def collect(self) -> Iterable[Metric]:
        """Yield the counts of the versions that are served at this moment."""
        classes = CounterMetricFamily("opsin_predictions", "Answers by likeliest class.", labels=(*MODEL, "class"))
        confidence = HistogramMetricFamily("opsin_confidence", "The largest probability of an answer.", labels=MODEL)
        recent = GaugeMetricFamily("opsin_drift_images", "The latest answers, which drift is told of.", labels=MODEL)
        index = GaugeMetricFamily(
            "opsin_drift_psi", "Population stability index of the latest answers.", labels=(*MODEL, "of")
        )
        by_chance = GaugeMetricFamily(
            "opsin_drift_psi_by_chance", "The index that as many answers have without drift.", labels=(*MODEL, "of")
        )
        for model in {(m.name, m.version): m for state in self._engine.states for m in state.models}.values():
            labels = [model.name, str(model.version)]
            counted = self._counts.counted(model)
            for label, number in named_classes(model, counted.classes).items():
                classes.add_metric([*labels, label], number)
            bounds = [*map(str, CONFIDENCE_BOUNDS[:-1]), "+Inf"]
            cumulative = np.cumsum(counted.confidence).tolist()
            confidence.add_metric(labels, list(zip(bounds, cumulative, strict=True)), counted.confidence_sum)
            if model.expected is None:
                continue
            recent.add_metric(labels, counted.recent_classes.sum())
            if counted.recent_classes.sum() >= MIN_RECENT:
                for of, pair in compared(model, counted).items():
                    index.add_metric([*labels, of], stability_index(*pair))
                    by_chance.add_metric([*labels, of], index_by_chance(*pair))
        return classes, confidence, recent, index, by_chance


def named_classes(model: ServedModel, counts: Counts) -> dict[str, int]:
    """Sum up answers by label; of more than MAX_CLASSES classes, those least expected are "other"."""
    expected = np.zeros(len(counts)) if model.expected is None else np.array(model.expected.classes)
    named = set(np.argsort(-expected, kind="stable")[:MAX_CLASSES].tolist())
    sums: dict[str, int] = {}
    for number, (label, count) in enumerate(zip(model.labels, counts.tolist(), strict=True)):
        key = label if number in named else OTHER
        sums[key] = sums.get(key, 0) + count
    return sums


def compared(model: ServedModel, counted: Counted) -> dict[str, tuple[Counts, Counts]]:
    """Pair expected and latest answers by bin, for each thing that may drift."""
    assert model.expected is not None  # noqa: S101 - the caller has looked
    expected = np.array(model.expected.classes)
    starts = class_bins(expected)
    return {
        "classes": (np.add.reduceat(expected, starts), np.add.reduceat(counted.recent_classes, starts)),
        "confidence": (np.array(model.expected.confidence), counted.recent_confidence),
    }
