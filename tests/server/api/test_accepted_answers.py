"""Whether an answer is accepted, where an operating point is set."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engines import MODEL, serving

from models.store.operating_points import OperatingPoint
from server.engine.shared_catalogue import write_catalogue

POINT = OperatingPoint((0.9, None, 1.0), "precision 0.95")


@pytest.fixture
def accepted(client, encode):
    """Asks for a picture of one colour, whose probability is 0.992."""

    def accepted(colour):
        answer = client.post("/predict", data=encode(colour), headers={"Content-Type": "image/png"})
        [prediction] = answer.json["predictions"]
        assert prediction["label"] == colour
        return prediction.get("accepted")

    return accepted


def test_answer_says_whether_its_probability_reaches_the_threshold_of_its_class(running, accepted):
    write_catalogue(running.table, 0, serving(replace(MODEL, point=POINT)))
    assert [accepted(colour) for colour in ("red", "green", "blue")] == [True, False, False]


def test_without_an_operating_point_nothing_is_said_of_it(accepted):
    assert accepted("red") is None


def test_thresholds_are_of_the_probability_that_the_answer_says(running, client, encode):
    upload = {"data": encode("red"), "headers": {"Content-Type": "image/png"}}
    said = client.post("/predict", **upload).json["predictions"][0]["probability"]
    write_catalogue(running.table, 0, serving(replace(MODEL, point=OperatingPoint((said, 0.0, 0.0), "it"))))
    assert client.post("/predict", **upload).json["predictions"][0]["accepted"] is True
