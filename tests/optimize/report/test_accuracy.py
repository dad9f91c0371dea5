import itertools
import math

import numpy as np
import pytest

from optimize.changes import Changes
from optimize.report.accuracy import measure_all


def certain(labels) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[labels]


TARGETS = np.array([0, 0, 1, 1, 1, 1, 0, 0])
BEFORE = [0, 0, 1, 1, 2, 2, 1, 1]
AFTER = [0, 1, 1, 0, 1, 0, 1, 0]  # broken: 1 and 3; fixed: 4 and 7; swapped: 5


@pytest.fixture
def measured():
    return measure_all({"before": certain(BEFORE), "after": certain(AFTER)}, TARGETS, baseline="before")


def test_accuracy_in_all_and_by_class(measured):
    accuracy, _ = measured["after"]
    assert accuracy.metrics.top1 == 4 / 8
    assert accuracy.by_class == (2 / 4, 2 / 4, None)


def test_changes_are_counted_image_by_image(measured):
    _, changes = measured["after"]
    assert (changes.num_broken, changes.num_fixed, changes.num_swapped) == (2, 2, 1)
    assert (changes.churn, changes.agreement) == (5 / 8, 3 / 8)
    assert changes.top1_points == 0
    assert changes.points_by_class == (0, 0, None)


def test_margin_is_that_of_paired_counts(measured):
    _, changes = measured["after"]
    assert changes.margin_points == pytest.approx(100 * 1.96 * np.sqrt(5) / 10)


@pytest.mark.parametrize(("num_images", "broken", "fixed"), [(40, 0.03, 0.01), (100, 0.02, 0.01)])
def test_margin_holds_for_small_test_sets(num_images, broken, fixed):
    """Every outcome by its probability: in 95 of 100 test sets the difference in truth lies within the margin."""
    covered = 0.0
    for num_broken, num_fixed in itertools.product(range(num_images + 1), repeat=2):
        if (num_same := num_images - num_broken - num_fixed) < 0:
            continue
        changes = Changes(num_images, num_broken, num_fixed, 0)
        if abs(changes.top1_points - 100 * (fixed - broken)) <= changes.margin_points:
            ways = math.comb(num_images, num_broken) * math.comb(num_images - num_broken, num_fixed)
            covered += ways * broken**num_broken * fixed**num_fixed * (1 - broken - fixed) ** num_same
    assert covered >= 0.95


def test_margin_is_not_nothing_where_no_label_changed():
    assert Changes(20, 0, 0, 0).margin_points == pytest.approx(100 * 1.96 / 22)


def test_baseline_agrees_with_itself(measured):
    _, changes = measured["before"]
    assert (changes.agreement, changes.top1_points) == (1, 0)


def test_class_that_pays_is_told():
    found = measure_all({"a": certain([0, 0, 1, 1]), "b": certain([0, 1, 1, 1])}, np.array([0, 0, 1, 1]), baseline="a")
    assert found["b"][1].points_by_class == (-50, 0, None)
    assert found["b"][1].top1_points == -25
