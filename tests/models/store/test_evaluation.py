"""Answers to test images, counted by class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.store.calibration import Calibration
from models.store.evaluation import MAX_CONFUSIONS, NUM_BINS, Bin, Confusion, Evaluation, LabelSets

# Three classes; the fourth image is of class 1 and called 2, the fifth of class 2 and called 0.
PROBABILITIES = np.array(
    [[0.9, 0.05, 0.05], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.1, 0.2, 0.7], [0.5, 0.1, 0.4]], np.float32
)
TARGETS = np.array([0, 0, 1, 1, 2])


@pytest.fixture
def evaluation():
    return Evaluation.of(PROBABILITIES, TARGETS, precision="int8")


def test_images_and_answers_are_counted_by_class(evaluation):
    assert evaluation.num_images == (2, 2, 1)
    assert evaluation.num_right == (2, 1, 0)
    assert evaluation.num_answered == (3, 1, 1)
    assert evaluation.confusions == (Confusion(1, 2, 1), Confusion(2, 0, 1))
    assert evaluation.num_unlisted == 0


def test_bins_hold_images_by_their_confidence(evaluation):
    bins = {place: each for place, each in enumerate(evaluation.reliability) if each.num_images}
    assert bins == {7: Bin(1, 0, 0.5), 9: Bin(1, 1, 0.6), 10: Bin(1, 0, 0.7), 12: Bin(1, 1, 0.8), 13: Bin(1, 1, 0.9)}
    assert len(evaluation.reliability) == NUM_BINS


def test_sure_answer_is_in_the_last_bin():
    found = Evaluation.of(np.array([[1, 0]], np.float32), np.array([0]), precision="int8")
    assert found.reliability[-1] == Bin(1, 1, 1.0)


def test_pairs_that_are_confused_most_come_first():
    answers = np.array([1, 2, 2, 2, 0])
    targets = np.array([0, 0, 0, 1, 1])
    found = Evaluation.of(np.eye(3, dtype=np.float32)[answers], targets, precision="int8")
    assert found.confusions == (Confusion(0, 2, 2), Confusion(0, 1, 1), Confusion(1, 0, 1), Confusion(1, 2, 1))


def test_of_many_pairs_the_most_frequent_are_kept_and_the_others_counted():
    num_classes = MAX_CONFUSIONS + 10
    targets = np.arange(num_classes)
    answers = np.roll(targets, 1)
    found = Evaluation.of(np.eye(num_classes, dtype=np.float32)[answers], targets, precision="int8")
    assert (len(found.confusions), found.num_unlisted) == (MAX_CONFUSIONS, 10)


def test_sets_of_labels_are_those_that_answers_have():
    scores = tuple(step / 100 for step in range(100))  # a label of 1 - k / 100 and more is in the set for 0.01 (k + 1)
    calibration = Calibration(num_images=100, scores=scores)
    found = Evaluation.of(PROBABILITIES, TARGETS, precision="int8", calibration=calibration)
    # 0.8: labels of 0.2 and more; 0.9: of 0.1 and more; 0.95 and 0.99: all labels.
    assert [each.coverage for each in found.label_sets] == [0.8, 0.9, 0.95, 0.99]
    assert found.label_sets[0] == LabelSets(0.8, 5, 1.6)
    assert found.label_sets[3] == LabelSets(0.99, 5, 3.0)


def test_likeliest_label_is_in_a_set_that_no_label_is_probable_enough_for():
    calibration = Calibration(num_images=19, scores=(0.0,) * 19)
    found = Evaluation.of(PROBABILITIES, TARGETS, precision="int8", calibration=calibration)
    assert found.label_sets[0] == LabelSets(0.8, 3, 1.0)


def test_it_is_read_again(evaluation):
    full = replace(evaluation, label_sets=(LabelSets(0.9, 4, 1.25),))
    assert Evaluation.from_dict(full.to_dict()) == full


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"precision": ""}, "evaluation.precision must be a text"),
        ({"num_images": (0, 0, 0), "num_right": (0, 0, 0), "num_answered": (0, 0, 0)}, "at least one"),
        ({"num_answered": (3, 1, 2)}, "num_answered must count the same images"),
        ({"num_right": (2, 1)}, "num_right must have 3 numbers, got 2"),
        ({"num_right": (2, 1.5, 0)}, "num_right must be whole numbers"),
        ({"num_right": (2, 1, 2)}, "num_right must be no more than num_images"),
        ({"confusions": (Confusion(1, 1, 1),)}, "one class answered as another"),
        ({"confusions": (Confusion(1, 3, 1),)}, "names class 3, but there are 3"),
        ({"confusions": (Confusion(1, 2, 2),)}, "has 2 images of class 1, of which 1 are wrong"),
        ({"confusions": (Confusion(1, 2, 0),)}, "one class answered as another"),
        ({"confusions": (Confusion(0, 1, 1),) * (MAX_CONFUSIONS + 1)}, f"at most {MAX_CONFUSIONS} pairs"),
        ({"reliability": (Bin(5, 3, 0.5),)}, "must have 15 bins of all images"),
        ({"reliability": (Bin(0, 0, 0.0),) * 14 + (Bin(5, 3, 1.5),)}, "mean_confidence must be a number in"),
        (
            {"reliability": (Bin(2, 3, 0.5), Bin(3, 0, 0.5)) + (Bin(0, 0, 0.0),) * 13},
            "no more than num_images of each bin",
        ),
        ({"label_sets": (LabelSets(0.9, 6, 1.0),)}, "at most all images"),
        ({"label_sets": (LabelSets(0.9, 5, 3.5),)}, "at most all labels"),
    ],
)
def test_counts_that_contradict_each_other_are_refused(evaluation, changes, fault):
    with pytest.raises(ValueError, match=fault):
        replace(evaluation, **changes)


def test_pair_that_is_named_twice_is_refused():
    answers = np.array([1, 1, 0])
    found = Evaluation.of(np.eye(2, dtype=np.float32)[answers], np.array([0, 0, 0]), precision="int8")
    with pytest.raises(ValueError, match="each pair of classes once"):
        replace(found, confusions=(Confusion(0, 1, 1), Confusion(0, 1, 1)))


@pytest.mark.parametrize("change", [{"more": 1}, {"num_images": "abc"}, {"confusions": [1]}, {"reliability": None}])
def test_json_of_another_form_is_refused(evaluation, change):
    with pytest.raises(ValueError, match="evaluation"):
        Evaluation.from_dict(evaluation.to_dict() | change)
