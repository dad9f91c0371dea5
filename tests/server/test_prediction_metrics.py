"""What `/metrics` says of the answers: bounded labels, and drift from what the manifest expects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from engines import MODEL, serving
from prometheus_client.parser import text_string_to_metric_families as parse

from models.store.expected_answers import ExpectedAnswers
from server.api.app import create_app
from server.engine.shared_catalogue import write_catalogue
from server.prediction_counts import PredictionCounts

COLOURS = {"model": "colours", "version": "3"}
ANSWERS = np.array([[0.8, 0.1, 0.1]] * 500 + [[0.1, 0.8, 0.1]] * 300 + [[0.1, 0.1, 0.8]] * 200, np.float32)
EXPECTED = replace(MODEL, expected=ExpectedAnswers.of(ANSWERS))


def values_of(client):
    families = parse(client.get("/metrics").text)
    return {(each.name, frozenset(each.labels.items())): each.value for f in families for each in f.samples}


@pytest.fixture
def shown(settings, engine, running):
    """Show what `/metrics` says of a model that gave these answers."""

    def shown(model, answers):
        write_catalogue(running.table, 0, serving(model))
        predictions = PredictionCounts()
        for row in answers:
            predictions.note(model, row)
        values = values_of(create_app(settings, engine=engine, predictions=predictions).test_client())
        return lambda name, **labels: values.get((name, frozenset(labels.items())))

    return shown


def test_answers_of_requests_are_counted_by_class(client, encode):
    for colour in ("red", "red", "blue"):
        assert client.post("/predict", data=encode(colour)).status_code == 200
    assert client.post("/predict", data=encode((13, 13, 13))).status_code == 500
    values = values_of(client)
    counts = {
        dict(labels)["class"]: value for (name, labels), value in values.items() if name.endswith("ictions_total")
    }
    assert counts == {"red": 2, "green": 0, "blue": 1}
    assert values["opsin_confidence_count", frozenset(COLOURS.items())] == 3
    assert not any(name.startswith("opsin_drift") for name, _ in values)


def test_confidence_is_a_histogram(shown):
    value = shown(MODEL, ANSWERS[:10])
    assert value("opsin_confidence_bucket", **COLOURS, le="0.7") == 0
    assert value("opsin_confidence_bucket", **COLOURS, le="0.9") == 10
    assert value("opsin_confidence_bucket", **COLOURS, le="+Inf") == 10
    assert value("opsin_confidence_sum", **COLOURS) == pytest.approx(8)


def test_answers_as_expected_are_no_drift(shown):
    value = shown(EXPECTED, ANSWERS[::2])
    assert value("opsin_drift_images", **COLOURS) == 500
    assert value("opsin_drift_psi", **COLOURS, of="classes") < 0.001
    assert value("opsin_drift_psi", **COLOURS, of="confidence") < 0.02
    assert value("opsin_drift_psi_by_chance", **COLOURS, of="classes") == pytest.approx(2 * (1 / 1000 + 1 / 500))


def test_other_classes_and_other_confidence_are_drift(shown):
    value = shown(EXPECTED, ANSWERS[-200:])
    assert value("opsin_drift_psi", **COLOURS, of="classes") > 1
    assert value("opsin_drift_psi", **COLOURS, of="confidence") < 0.1
    value = shown(EXPECTED, ANSWERS[::2] * 0.5 + 1 / 6)
    assert value("opsin_drift_psi", **COLOURS, of="classes") < 0.001
    assert value("opsin_drift_psi", **COLOURS, of="confidence") > 1


def test_few_answers_say_nothing_of_drift(shown):
    value = shown(EXPECTED, ANSWERS[:99])
    assert value("opsin_drift_images", **COLOURS) == 99
    assert value("opsin_drift_psi", **COLOURS, of="classes") is None


def test_of_a_thousand_classes_a_hundred_have_a_name(settings, engine, running):
    many = replace(MODEL, labels=tuple(f"class {number}" for number in range(1000)))
    answers = np.eye(1000, dtype=np.float32)
    shares = ExpectedAnswers.of(np.vstack([answers, answers[-100:]]))  # the last are expected twice as often
    write_catalogue(running.table, 0, serving(replace(many, expected=shares)))
    predictions = PredictionCounts()
    for row in answers:
        predictions.note(many, row)
    values = values_of(create_app(settings, engine=engine, predictions=predictions).test_client())
    counts = {
        dict(labels)["class"]: value for (name, labels), value in values.items() if name.endswith("ictions_total")
    }
    assert len(counts) == 101
    assert counts["other"] == 900
    assert counts["class 999"] == counts["class 900"] == 1
