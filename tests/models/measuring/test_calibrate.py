import numpy as np
import pytest

from models.measuring.calibrate import (
    conformal_scores,
    fit_calibration,
    fit_temperature,
    temperature_interval,
    unsure_threshold,
    with_temperature,
)
from models.store.calibration import sureness


def drawn(num_images, temperature=1.0):
    """Answers of a model whose logits are larger by `temperature` than those that the labels were drawn by."""
    rng = np.random.default_rng(num_images)
    logits = rng.normal(size=(num_images, 4)) * 2
    exact = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = (exact.cumsum(axis=1) > rng.random((num_images, 1))).argmax(axis=1)
    return with_temperature(exact.astype(np.float32), 1 / temperature), targets


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.7])
def test_temperature_is_that_of_the_answers(temperature):
    assert fit_temperature(*drawn(4000, temperature)) == pytest.approx(temperature, rel=0.05)


def test_few_images_move_the_temperature_little_and_are_told_with_an_interval():
    probabilities, targets = drawn(4000, 1.7)
    few, more = (fit_temperature(probabilities[:count], targets[:count]) for count in (6, 60))
    assert 1 < few < more < 1.7
    low, high = temperature_interval(probabilities[:60], targets[:60])
    assert low < more < high
    assert temperature_interval(probabilities[:200], targets[:200]) is None


def test_temperature_of_images_that_are_all_right_is_not_extreme():
    right = np.tile(np.array([[0.9, 0.1]], np.float32), (30, 1))
    assert fit_temperature(right, np.zeros(30, np.int64)) == pytest.approx(0.75, abs=0.01)  # without the prior: 1/20


def test_temperature_of_probabilities_that_are_zero_is_a_number():
    certain = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert 1 < fit_temperature(certain, np.array([0, 1, 1])) <= 20


def test_temperature_and_its_inverse_change_nothing():
    probabilities, _ = drawn(50)
    np.testing.assert_allclose(
        with_temperature(with_temperature(probabilities, 0.7), 1 / 0.7), probabilities, atol=1e-6
    )
    square = np.array([[0.8, 0.2]]) ** 2
    np.testing.assert_allclose(
        with_temperature(np.array([[0.8, 0.2]], np.float32), 0.5), square / square.sum(), atol=1e-6
    )


def of_two(first):
    """Answers of two classes with these probabilities of the first."""
    return np.stack([first, 1 - np.asarray(first)], axis=1).astype(np.float32)


def test_at_most_a_twentieth_of_the_right_answers_is_unsure():
    answers = of_two(np.linspace(0.6, 0.99, 40))
    for count, index in ((40, 2), (19, 0)):
        threshold = unsure_threshold(answers[:count], np.zeros(count, np.int64))
        assert threshold == pytest.approx(sureness(answers[index]), abs=2e-6)
        assert sum(sureness(answer) < threshold for answer in answers[:count]) == index


def test_wrong_answers_and_images_of_none_have_no_part_in_the_threshold():
    answers, targets = of_two([0.7, 0.55, 0.4]), np.array([0, 1, 1])
    assert unsure_threshold(answers, targets) == pytest.approx(sureness([0.4, 0.6]), abs=2e-6)
    assert unsure_threshold(answers, targets, none_target=1) == pytest.approx(sureness([0.7, 0.3]), abs=2e-6)


def test_there_is_no_threshold_where_nothing_is_right():
    assert unsure_threshold(of_two([0.9, 0.8]), np.array([1, 1])) is None


def test_scores_are_kept_as_they_are_where_they_are_few():
    assert conformal_scores(np.array([0.9, 0.25, 1.0])) == (0.0, 0.1, 0.75)


@pytest.mark.parametrize("num_images", [1001, 1999, 5000])
def test_scores_of_many_images_are_evenly_spaced_and_cover_no_less(num_images):
    of_target = np.random.default_rng(0).random(num_images)
    scores = conformal_scores(of_target)
    assert len(scores) == 1000
    every = np.sort(1 - of_target)
    for part in (0.1, 0.5, 0.95, 0.99):
        # The rank that split conformal prediction takes of each.
        kept = scores[int(np.ceil(1001 * part)) - 1]
        exact = every[int(np.ceil((num_images + 1) * part)) - 1]
        assert exact <= kept <= exact + 0.003


def test_sets_of_labels_cover_what_was_promised_of_other_images():
    probabilities, targets = drawn(6000)
    calibration = fit_calibration(probabilities[:3000], targets[:3000], temperature=1.3)
    assert (calibration.num_images, calibration.temperature) == (3000, 1.3)
    others, right = probabilities[3000:], targets[3000:]
    least = calibration.least_probability(0.9)
    covered = others[np.arange(len(right)), right] >= least
    assert covered.mean() == pytest.approx(0.9, abs=0.015)
