"""How far shadows are from what was sent, as /readyz tells it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from clock import Clock
from engines import MODEL

from server.metrics import Metrics
from server.shadow_report import KEPT_S, ShadowReports, shadow_report


def test_images_and_distances_are_summed_up_by_version():
    metrics = Metrics()
    for outcome, distance in [("agrees", 0.0), ("agrees", 0.1), ("differs", 0.5), ("failed", None), ("dropped", None)]:
        metrics.note_shadow(MODEL, outcome, distance)
    metrics.note_shadow(replace(MODEL, version=4), "dropped", None)
    report = shadow_report(metrics.registry.collect())
    assert report["colours", 3] == {
        "compared": 3,
        "agreement": pytest.approx(2 / 3),
        "distance": pytest.approx(0.2),
        "failed": 1,
        "dropped": 1,
    }
    assert report["colours", 4] == {"compared": 0, "agreement": None, "distance": None, "failed": 0, "dropped": 1}


def test_metrics_are_read_anew_after_a_moment_alone():
    metrics, clock = Metrics(), Clock(0.0)
    reports = ShadowReports(metrics.registry.collect, clock=clock)
    assert reports.latest() == {}
    metrics.note_shadow(MODEL, "agrees", 0.0)
    clock.now = KEPT_S
    assert reports.latest() == {}
    clock.now = KEPT_S + 0.1
    assert reports.latest()["colours", 3]["compared"] == 1
