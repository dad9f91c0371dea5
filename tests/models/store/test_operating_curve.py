"""What accepting only sure answers would give, counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.store.operating_curve import COARSE, FINE, Accepted, OperatingCurve

# Of class 0: right at 0.9 and at 0.6, and one of class 1 that is called 0 at 0.7; of class 1: right at 0.8.
PROBABILITIES = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.7, 0.3, 0], [0.2, 0.8, 0]], np.float32)
TARGETS = np.array([0, 0, 1, 1])


@pytest.fixture
def curve():
    return OperatingCurve.of(PROBABILITIES, TARGETS)


def test_answer_is_accepted_if_its_probability_reaches_the_threshold(curve):
    assert curve.of_class(0, 0.0) == Accepted(3, 2, 2)
    assert curve.of_class(0, 0.6) == Accepted(3, 2, 2)
    assert curve.of_class(0, 0.65) == Accepted(2, 1, 2)
    assert curve.of_class(0, 0.7) == Accepted(2, 1, 2)
    assert curve.of_class(0, 0.75) == Accepted(1, 1, 2)
    assert curve.of_class(0, 0.9) == Accepted(1, 1, 2)
    assert curve.of_class(0, 0.91) == Accepted(0, 0, 2)


def test_threshold_between_two_counts_as_the_next_higher_and_above_the_last_nothing(curve):
    assert curve.of_class(0, 0.62) == curve.of_class(0, 0.65)
    assert curve.of_class(0, 0.9999) == curve.of_class(0, None) == Accepted(0, 0, 2)


def test_precision_and_recall_are_of_what_is_accepted(curve):
    accepted = curve.of_class(0, 0.7)
    assert (accepted.precision, accepted.recall) == (0.5, 0.5)
    assert (Accepted(0, 0, 2).precision, Accepted(0, 0, 2).recall) == (None, 0.0)
    assert Accepted(0, 0, 0).recall is None


def test_thresholds_of_all_classes_are_of_all_images(curve):
    assert curve.of_all([0.75, 0.5, 0.0]) == Accepted(2, 2, 4)
    assert curve.of_all([0.0, None, 0.0]) == Accepted(3, 2, 4)


def test_class_that_no_answer_names_has_no_counts(curve):
    assert curve.num_accepted[2] == ()
    assert curve.of_class(2, 0.0) == Accepted(0, 0, 0)


@pytest.mark.parametrize(("num_classes", "thresholds"), [(200, FINE), (201, COARSE), (5000, COARSE), (5001, None)])
def test_curve_of_many_classes_has_fewer_points(num_classes, thresholds):
    curve = OperatingCurve.of(np.eye(1, num_classes, dtype=np.float32), np.array([0]))
    assert (curve and curve.thresholds) == thresholds


def test_it_is_read_again(curve):
    assert OperatingCurve.from_dict(curve.to_dict()) == curve


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"thresholds": ()}, "must ascend from 0"),
        ({"thresholds": (0.1, *FINE[1:])}, "must ascend from 0"),
        ({"thresholds": (0.0, *FINE[:-1])}, "must ascend from 0"),
        ({"thresholds": (*FINE[:-1], 1.5)}, r"must be a number in \[0, 1\]"),
        ({"num_images": (2, 2)}, "num_accepted must have 2 rows, got 3"),
        ({"num_images": (1, 2, 0)}, "no more than num_images"),
        ({"num_accepted": ((1, 2), (), ())}, "must have 30 numbers, got 2"),
        ({"num_accepted": ((0, *[3] * 29), (), ())}, "must not rise"),
        ({"num_accepted": ((1, *[0] * 29), (1,) * 30, ())}, "no more than num_accepted"),
    ],
)
def test_counts_that_contradict_each_other_are_refused(curve, changes, fault):
    with pytest.raises(ValueError, match=fault):
        replace(curve, **changes)


def test_more_points_than_a_manifest_has_room_for_are_refused(curve):
    with pytest.raises(ValueError, match="at most 50000 points, got 60000"):
        replace(curve, num_images=(0,) * 2000, num_accepted=((),) * 2000, num_right=((),) * 2000)


@pytest.mark.parametrize("change", [{"more": []}, {"thresholds": 1}, {"num_right": [1]}])
def test_json_of_another_form_is_refused(curve, change):
    with pytest.raises(ValueError, match="operating_curve"):
        OperatingCurve.from_dict(curve.to_dict() | change)
