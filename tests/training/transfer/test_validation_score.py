import numpy as np
import pytest

from training.transfer.validation_score import ValidationScore


def test_one_that_is_right_less_often_is_worse():
    assert ValidationScore(90, 100, 0.1).is_worse_than(ValidationScore(91, 100, 0.5))
    assert not ValidationScore(91, 100, 0.5).is_worse_than(ValidationScore(90, 100, 0.1))


def test_of_two_that_are_right_as_often_the_less_sure_is_worse():
    assert ValidationScore(90, 100, 0.3).is_worse_than(ValidationScore(90, 100, 0.2))
    assert not ValidationScore(90, 100, 0.2).is_worse_than(ValidationScore(90, 100, 0.2))


def test_logits_count_whatever_their_temperature():
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    logits[np.arange(50), targets] += 1.5
    cold, warm = ValidationScore.of(logits, targets), ValidationScore.of(2 * logits, targets)
    assert cold.num_right == warm.num_right == int((logits.argmax(axis=1) == targets).sum())
    assert warm.loss == pytest.approx(cold.loss, rel=1e-3)


def test_it_reads_with_its_interval():
    assert str(ValidationScore(294, 320, 0.23)) == "91.9 % of 320 validation images (88.4 to 94.4)"
