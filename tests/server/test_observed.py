"""What a server has measured of a version."""

from __future__ import annotations

import pytest
from engines import LITERT, MODEL

from models.runtime_choice.record import RuntimeChoice, Trial
from server.metrics import Metrics
from server.observed import measured_here


def test_nothing_is_known_before_the_first_picture():
    found = measured_here(MODEL, LITERT, Metrics().registry.collect())
    assert (found["num_images"], found["inference_ms"], found["queue_ms"], found["decode_ms"]) == (0, None, None, None)
    assert (found["runtime"], found["reason"], found["trials"]) == ("litert", "it was asked for", [])


def test_times_are_means_of_the_pictures():
    metrics = Metrics()
    metrics.note_images(MODEL, "ok", 4)
    metrics.note_decoded(MODEL, 0.008)
    metrics.note_batch([0.001, 0.003, 0.002, 0.002], 0.02, model=MODEL)
    found = measured_here(MODEL, LITERT, metrics.registry.collect())
    assert found["num_images"] == 4
    assert (found["inference_ms"], found["queue_ms"], found["decode_ms"]) == pytest.approx((5.0, 2.0, 2.0))


def test_trials_tell_of_both_runtimes():
    trial = Trial("openvino", lone_ms=(10.0, 4.0), images_per_s=(90.0, 200.0), num_pictures=10)
    found = measured_here(MODEL, RuntimeChoice("openvino", "it is faster", (trial,)), Metrics().registry.collect())
    assert found["trials"] == [
        {"runtime": "litert", "lone_ms": 10.0, "images_per_s": 90.0},
        {"runtime": "openvino", "lone_ms": 4.0, "images_per_s": 200.0},
    ]


def test_trial_that_failed_has_no_times():
    choice = RuntimeChoice("litert", "the other fails", (Trial("openvino", fault="it fails"),))
    assert measured_here(MODEL, choice, Metrics().registry.collect())["trials"] == []
