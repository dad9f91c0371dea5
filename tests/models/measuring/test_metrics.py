import numpy as np
import pytest

from models.measuring.metrics import confusion_matrix, measure

# Six classes, four images.
PROBABILITIES = np.array(
    [
        [0.90, 0.02, 0.02, 0.02, 0.02, 0.02],
        [0.30, 0.40, 0.10, 0.10, 0.06, 0.04],
        [0.30, 0.25, 0.20, 0.15, 0.06, 0.04],
        [0.50, 0.30, 0.10, 0.05, 0.03, 0.02],
    ],
    np.float32,
)
TARGETS = np.array([0, 1, 5, 1])


def test_figures_of_a_hand_computed_example():
    metrics = measure(PROBABILITIES, TARGETS)
    assert metrics.num_images == 4
    assert metrics.top1 == 2 / 4
    assert metrics.top5 == 3 / 4  # class 5 is the least likely of six in the third row
    assert metrics.loss == pytest.approx(-np.log([0.9, 0.4, 0.04, 0.3]).mean(), rel=1e-6)
    # Each image alone in its bin: |0.9 - 1|, |0.4 - 1|, |0.3 - 0|, |0.5 - 0|.
    assert metrics.ece == pytest.approx((0.1 + 0.6 + 0.3 + 0.5) / 4, rel=1e-6)


def test_the_fifth_likeliest_label_is_among_five_and_the_sixth_is_not():
    assert [measure(PROBABILITIES[2:3], np.array([label])).top5 for label in range(6)] == [1, 1, 1, 1, 1, 0]


def test_calibration_errors_cancel_within_a_bin_of_a_fifteenth_and_no_further():
    targets = np.array([0, 1])  # the first is right

    def ece(*confidences: float) -> float:
        return measure(np.array([[c, 1 - c - 0.3, 0.3] for c in confidences], np.float32), targets).ece

    assert ece(0.61, 0.65) == pytest.approx(abs(0.61 - 1 + 0.65) / 2, rel=1e-5)
    assert ece(0.65, 0.67) == pytest.approx((0.35 + 0.67) / 2, rel=1e-5)  # on either side of 10/15


def test_interval_of_the_calibration_error_holds_it_and_begins_at_zero_where_chance_shows_as_much():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 300)
    calibrated = np.where(rng.random(300) < confidence, 0, 1)
    answers = np.stack([confidence, 1 - confidence], axis=1).astype(np.float32)
    metrics = measure(answers, calibrated)
    assert metrics.ece_interval.low == 0
    assert metrics.ece <= metrics.ece_interval.high < 0.1
    overconfident = measure(answers, np.arange(300) % 2)
    assert 0 < overconfident.ece_interval.low < overconfident.ece <= overconfident.ece_interval.high


def test_certain_and_right_is_perfect():
    metrics = measure(np.eye(3, dtype=np.float32), np.arange(3))
    assert (metrics.top1, metrics.top5, metrics.loss, metrics.ece) == (1, 1, 0, 0)


def test_impossible_target_has_a_finite_loss():
    assert np.isfinite(measure(np.eye(2, dtype=np.float32), np.array([1, 0])).loss)


def test_what_is_no_number_is_refused():
    probabilities = np.array([[0.5, 0.5], [np.nan, np.nan]], np.float32)
    with pytest.raises(ValueError, match="the model has no probabilities for 1 of 2 images: they are nan"):
        measure(probabilities, np.array([0, 1]))


def test_confusion_has_labels_in_rows():
    matrix = confusion_matrix(PROBABILITIES, TARGETS)
    assert matrix.sum() == 4
    assert (matrix[0, 0], matrix[1, 1], matrix[5, 0], matrix[1, 0]) == (1, 1, 1, 1)
