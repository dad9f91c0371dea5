import numpy as np
import pytest

from training.report.confident_learning import Suspect, confident_joint, expected_counts, likely_wrong

# Two labels. Means of the own probability: (0.9 + 0.7 + 0.2) / 3 = 0.6 for label 0, (0.8 + 0.6 + 0.1) / 3 = 0.5 for 1.
PROBABILITIES = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.2, 0.8], [0.4, 0.6], [0.9, 0.1]])
TARGETS = np.array([0, 0, 0, 1, 1, 1])


def test_confident_joint_counts_what_reaches_the_mean_of_its_class():
    assert confident_joint(PROBABILITIES, TARGETS).tolist() == [[2, 1], [1, 2]]


def test_an_image_that_reaches_no_mean_is_not_counted():
    # Means: 0.75 for label 0, 0.45 for label 1. The last image has 0.6 and 0.4.
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.5, 0.5], [0.6, 0.4]])
    joint = confident_joint(probabilities, np.array([0, 0, 1, 1]))
    assert joint.tolist() == [[1, 0], [0, 1]]


def test_of_two_labels_that_are_reached_the_likelier_counts():
    # Means: label 0 (0.5 + 0.1) / 2 = 0.3, label 1 0.5, label 2 0.4. The first image reaches 0 and 2.
    probabilities = np.array([[0.5, 0.1, 0.4], [0.1, 0.4, 0.5], [0.2, 0.5, 0.3], [0.3, 0.3, 0.4]])
    joint = confident_joint(probabilities, np.array([0, 0, 1, 2]))
    assert joint.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 1]]


def test_counts_are_scaled_to_the_images_of_each_label():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.5, 0.5], [0.6, 0.4]])
    np.testing.assert_allclose(expected_counts(probabilities, np.array([0, 0, 1, 1])), [[2, 0], [0, 2]])
    np.testing.assert_allclose(expected_counts(PROBABILITIES, TARGETS), [[2, 1], [1, 2]])


def test_as_many_as_expected_are_suspects_the_surest_first():
    found = likely_wrong(PROBABILITIES, TARGETS)
    assert [(suspect.index, suspect.proposed) for suspect in found] == [(5, 0), (2, 1)]
    assert [suspect.margin for suspect in found] == pytest.approx([0.8, 0.6])


def test_labels_that_are_the_likeliest_are_no_suspects():
    assert likely_wrong(np.array([[0.9, 0.1], [0.6, 0.4], [0.4, 0.6], [0.2, 0.8]]), np.array([0, 0, 1, 1])) == []


def test_a_label_without_images_is_proposed_to_none():
    probabilities = np.array([[0.5, 0.1, 0.4], [0.1, 0.1, 0.8], [0.2, 0.5, 0.3]])
    assert all(suspect.proposed != 2 for suspect in likely_wrong(probabilities, np.array([0, 0, 1])))


@pytest.mark.parametrize("num_classes", [2, 5])
def test_of_one_label_in_twenty_that_is_flipped_most_are_found(num_classes):
    """Gaussian blobs, whose labels a nearest mean predicts that has not seen them."""
    rng = np.random.default_rng(0)
    right = np.arange(1000) % num_classes
    points = 4 * np.eye(num_classes)[right] + rng.normal(size=(1000, num_classes))
    flipped = rng.choice(1000, 50, replace=False)
    targets = right.copy()
    targets[flipped] = (right[flipped] + rng.integers(1, num_classes, 50)) % num_classes
    probabilities = np.empty((1000, num_classes))
    for fold in range(5):
        held_out = np.arange(1000) // 2 % 5 == fold
        kept, labels = points[~held_out], targets[~held_out]
        means = np.stack([kept[labels == label].mean(axis=0) for label in range(num_classes)])
        distances = ((points[held_out, None] - means) ** 2).sum(axis=2)
        scores = np.exp(-distances / 2)
        probabilities[held_out] = scores / scores.sum(axis=1, keepdims=True)
    found = likely_wrong(probabilities, targets)
    proposed = {suspect.index: suspect.proposed for suspect in found}
    assert sum(proposed.get(index) == right[index] for index in flipped) >= 40
    assert len(found) <= 60
    assert isinstance(found[0], Suspect)
