import math

import numpy as np
import pytest
from small_artifacts import small_manifest

from models.store.calibration import FEW, MAX_SCORES, Calibration, sureness
from models.store.manifest import decode, encode

FITTED = Calibration(num_images=4, temperature=1.25, unsure_below=0.4, scores=(0.0, 0.1, 0.2, 0.7))


@pytest.mark.parametrize("num_others", [0, FEW])
def test_sureness_is_that_of_an_even_choice(num_others):
    others = [0] * num_others
    assert sureness([1, 0, 0, *others]) == 1
    assert sureness([0.25] * 4 + others) == pytest.approx(1 / 4)
    assert sureness([0.5, 0.5, 0]) == pytest.approx(1 / 2)
    assert sureness(np.full(5, 0.2, np.float32)) == pytest.approx(1 / 5)
    assert sureness([0.6, 0.4]) == pytest.approx(0.6**0.6 * 0.4**0.4)


def test_an_answer_is_unsure_below_its_threshold():
    answers = [[0.55, 0.15, 0.15, 0.15], [0.7, 0.3, 0, 0], [1, 0, 0, 0]]  # of sureness 0.31, 0.54 and 1
    assert [FITTED.is_unsure(answer) for answer in answers] == [True, False, False]
    assert not Calibration(num_images=4).is_unsure([0.25] * 4)


@pytest.mark.parametrize(("coverage", "least"), [(0.2, 1.0), (0.4, 0.9), (0.6, 0.8), (0.8, 0.3), (0.81, 0.0)])
def test_a_set_takes_the_labels_that_as_many_right_ones_reach(coverage, least):
    assert FITTED.least_probability(coverage) == pytest.approx(least, abs=2e-6)


def test_sets_cover_what_they_promise_on_other_images():
    draw = np.random.default_rng(0)
    logits, targets = 2 * draw.normal(size=(4000, 5)), draw.integers(5, size=4000)
    logits[np.arange(4000), targets] += 2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    of_target = probabilities[np.arange(4000), targets]
    fitted = Calibration(num_images=1000, scores=tuple(np.sort(1 - of_target[:1000]).clip(0, 1).tolist()))
    for coverage in (0.5, 0.9, 0.99):
        assert abs(np.mean(of_target[1000:] >= fitted.least_probability(coverage)) - coverage) < 0.03


def test_a_manifest_carries_it_and_an_older_one_has_none():
    files = {"model.tflite": "ab" * 32, "saved_model/saved_model.pb": "ab" * 32}
    assert decode(encode(small_manifest(files=files, calibration=FITTED))).calibration == FITTED
    older = small_manifest(files=files)
    assert decode(encode(older)).calibration is None
    assert "calibration" not in older.to_dict()


@pytest.mark.parametrize(
    "change",
    [
        {"num_images": 0},
        {"temperature": 0},
        {"temperature": math.nan},
        {"temperature": "1"},
        {"unsure_below": 1.5},
        {"scores": [0.2, 0.1]},
        {"scores": [2]},
        {"scores": 0.5},
        {"scores": [0.0] * (MAX_SCORES + 1)},
        {"more": 1},
    ],
)
def test_a_wrong_field_is_named(change):
    with pytest.raises(ValueError, match=f"calibration.*{next(iter(change))}"):
        Calibration.from_dict(FITTED.to_dict() | change)
