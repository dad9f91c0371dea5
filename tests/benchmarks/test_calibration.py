import numpy as np
import pytest
from tflite_files import colour_classifier

from benchmarks.calibration import auroc, logits_of, scores, scores_of_others, softmax, temperatures
from models.pixels.spec import PixelSpec
from models.runtime.litert import LiteRTRuntime
from training.data import load_dataset
from training.dataset import HeldOut


def test_auroc_counts_pairs_and_half_of_the_ties():
    known, other = np.array([3.0, 2.0]), np.array([1.0, 2.0, 4.0])
    assert auroc(known, other) == pytest.approx((2 + 1.5) / 6)  # 3 is above two of them, 2 is above one and equals one


def test_scores_of_hand_computed_logits():
    largest, minus_entropy, energy = scores(np.log(np.array([[1.0, 3.0], [8.0, 8.0]])))
    assert largest == pytest.approx([0.75, 0.5])
    assert minus_entropy == pytest.approx([0.75 * np.log(0.75) + 0.25 * np.log(0.25), -np.log(2)])
    assert energy == pytest.approx(np.log([4.0, 16.0]))


def test_logits_are_those_of_the_files_probabilities(toy_npz, tmp_path):
    file, test = colour_classifier(tmp_path / "model.tflite", gain=0.01), load_dataset(toy_npz, HeldOut()).test
    logits = logits_of(file, test.encoded(), PixelSpec(32, 32))
    runtime = LiteRTRuntime(file, input_shape=(32, 32, 3), num_classes=3)
    np.testing.assert_allclose(softmax(logits), runtime.run(test.pixels(PixelSpec(32, 32))), atol=1e-6)
    runtime.close()


def test_tables_have_a_row_for_each_number_of_images_and_each_score():
    rng = np.random.default_rng(0)
    targets = rng.integers(3, size=240)
    logits = np.eye(3)[targets] * 2 + rng.normal(size=(240, 3))
    header, rows = temperatures(logits, targets)
    assert [row[0] for row in rows] == ["none", "100"]
    assert {len(row) for row in rows} == {len(header)}
    _, rows = scores_of_others(logits, targets, rng.normal(size=(50, 3)))
    assert [row[0] for row in rows] == ["largest probability", "minus entropy", "energy"]
