import numpy as np
import pytest

from training.transfer.validation_score import FineTuned, ValidationScore


def test_one_with_more_loss_is_worse_though_it_be_right_once_more():
    assert ValidationScore(91, 100, 0.3).is_worse_than(ValidationScore(90, 100, 0.2))
    assert not ValidationScore(90, 100, 0.2).is_worse_than(ValidationScore(91, 100, 0.3))
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


def test_what_all_layers_made_of_a_classifier_is_kept_where_it_is_not_worse(tmp_path):
    alone, surer = ValidationScore(12, 15, 0.4567), ValidationScore(12, 15, 0.4)
    assert FineTuned(alone, surer).is_kept
    assert not FineTuned(surer, alone).is_kept
    assert str(FineTuned(surer, alone)) == (
        "all layers: 80.0 % of 15 validation images (54.8 to 93.0), loss 0.457; "
        "the classifier alone: 12 right, loss 0.400; the classifier alone is kept"
    )
    assert FineTuned.read(tmp_path) is None
    FineTuned(alone, surer).save(tmp_path)
    assert FineTuned.read(tmp_path) == FineTuned(alone, surer)
