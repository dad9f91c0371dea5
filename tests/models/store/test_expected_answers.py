"""What a manifest says of the answers to the validation images."""

from __future__ import annotations

import json

import numpy as np
import pytest
from small_artifacts import small_manifest

from models.store.expected_answers import CONFIDENCE_BOUNDS, ExpectedAnswers

ANSWERS = np.array([[0.98, 0.02], [0.9, 0.1], [0.45, 0.55], [0.0, 1.0]], np.float32)
NUMBERS = [0] * len(CONFIDENCE_BOUNDS)


def test_answers_are_counted_by_class_and_confidence():
    expected = ExpectedAnswers.of(ANSWERS)
    assert expected.classes == (2, 2)
    assert dict(zip(CONFIDENCE_BOUNDS, expected.confidence, strict=True)) == dict.fromkeys(CONFIDENCE_BOUNDS, 0) | {
        0.6: 1,
        0.9: 1,
        0.99: 1,
        1.0: 1,
    }


def test_json_gives_it_back():
    expected = ExpectedAnswers.of(ANSWERS)
    assert ExpectedAnswers.from_dict(json.loads(json.dumps(expected.to_dict()))) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"classes": [1]}, "must have the lists classes and confidence"),
        ({"classes": [1, -1], "confidence": NUMBERS}, "classes must be whole numbers >= 0"),
        ({"classes": [1, True], "confidence": NUMBERS}, "classes must be whole numbers >= 0"),
        ({"classes": [1], "confidence": [1]}, "confidence must have 12 numbers, got 1"),
        ({"classes": [1], "confidence": NUMBERS}, "the same by class and by confidence"),
        ({"classes": [0], "confidence": NUMBERS}, "at least one image"),
    ],
)
def test_what_is_malformed_is_named(values, message):
    with pytest.raises(ValueError, match=message):
        ExpectedAnswers.from_dict(values)


def test_manifest_takes_as_many_classes_as_it_has_labels():
    with pytest.raises(ValueError, match="a number for each of 3 labels, got 2"):
        small_manifest(labels=("a", "b", "c"), expected_answers=ExpectedAnswers.of(ANSWERS))
    manifest = small_manifest(labels=("a", "b"), expected_answers=ExpectedAnswers.of(ANSWERS))
    assert manifest.to_dict()["expected_answers"]["classes"] == [2, 2]
    assert "expected_answers" not in small_manifest().to_dict()
