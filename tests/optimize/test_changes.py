import numpy as np
import pytest

from optimize.changes import Changes, compare, likeness


def certain(labels) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[labels]


def test_changes_are_counted_by_class_too():
    changes = compare(certain([0, 0, 1, 1, 2]), certain([0, 1, 1, 1, 0]), np.array([0, 0, 0, 1, 1]))
    assert changes == Changes(5, 1, 0, 1, (Changes(3, 1, 0, 0), Changes(2, 0, 0, 1), None))
    assert changes.points_by_class == (pytest.approx(-100 / 3), 0, None)


def test_interval_is_in_points_and_about_the_difference():
    low, high = Changes(400, 8, 2, 0).interval_points
    assert low < Changes(400, 8, 2, 0).top1_points == -1.5 < high
    assert (low, high) == (pytest.approx(-3.1, abs=0.05), pytest.approx(0.12, abs=0.05))


def test_without_right_labels_a_change_costs_what_the_first_model_held_for_likelier():
    before = np.array([[0.9, 0.1], [0.55, 0.45], [0.3, 0.7], [0.2, 0.8]], np.float32)
    found = likeness(before, np.array([[0.9, 0.1], [0.45, 0.55], [0.3, 0.7], [0.7, 0.3]], np.float32))
    assert (found.num_images, found.agreement) == (4, 0.5)
    assert found.expected_points == pytest.approx(100 * (0.1 + 0.6) / 4)
    by_hand = 0.1 * np.log(0.55 / 0.45) + 0.2 * np.log(0.2 / 0.7) + 0.8 * np.log(0.8 / 0.3)
    assert found.divergence == pytest.approx(by_hand / 4, rel=1e-5)


def test_label_that_a_model_rules_out_has_a_finite_divergence():
    assert 16 < likeness(certain([0]), certain([1])).divergence < 17
