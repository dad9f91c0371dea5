"""What an answer says of one image's probabilities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from engines import MODEL
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from models.store.calibration import Calibration
from server.answers import predict
from server.engine.catalogue import ServedModel
from server.request_errors import RequestError


def model_of(labels, **calibration):
    fitted = Calibration(num_images=100, **calibration) if calibration else None
    return replace(MODEL, labels=tuple(labels), calibration=fitted)


def labels_of(ranked):
    return [each.label for each in ranked]


@given(npst.arrays(np.float32, st.integers(1, 20), elements=st.floats(0, 1, width=32)), st.integers(1, 30))
def test_top_k_is_the_sorted_head_and_exact(probabilities, top_k):
    labels = [str(index) for index in range(len(probabilities))]
    ranked = predict(probabilities, model_of(labels), top_k=top_k).top_k
    assert len(ranked) == min(top_k, len(labels))
    assert [np.float32(each.probability) for each in ranked] == sorted(probabilities, reverse=True)[:top_k]
    assert all(probabilities[int(each.label)] == np.float32(each.probability) for each in ranked)


def test_probabilities_have_the_fewest_digits_and_equal_ones_the_order_of_the_labels():
    ranked = predict(np.array([0.01, 0.93, 0.03, 0.03], np.float32), model_of("abcd"), top_k=3).top_k
    assert [(each.label, each.probability) for each in ranked] == [("b", 0.93), ("c", 0.03), ("d", 0.03)]


@pytest.mark.parametrize(
    ("labels", "threshold", "largest", "expected"),
    [
        (("a", "b"), None, 0.6, None),
        (("a", "b"), 0.52, 0.6, True),  # of 0.6 and 0.4 the sureness is 0.510
        (("a", "b"), 0.51, 0.6, False),
        (("_none", "b"), None, 0.6, True),
        (("b", "_none"), None, 0.6, False),
        (("b", "_none"), 0.52, 0.6, True),
        (("_none", "b"), 0.5, 0.6, True),
    ],
)
def test_answer_is_unsure_below_the_threshold_or_where_the_reject_class_wins(labels, threshold, largest, expected):
    model = model_of(labels, **({} if threshold is None else {"unsure_below": threshold}))
    answer = predict(np.array([largest, 1 - largest], np.float32), model, top_k=2)
    assert answer.is_unsure is expected
    assert answer.top_k[0].label == labels[0]


def test_set_has_the_labels_that_are_as_probable_as_the_right_ones_were():
    model = model_of("abcd", scores=(0.1, 0.5, 0.7))
    probabilities = np.array([0.05, 0.3, 0.15, 0.5], np.float32)
    sets = {
        coverage: labels_of(predict(probabilities, model, top_k=1, coverage=coverage).label_set)
        for coverage in (0.25, 0.5, 0.75, 0.76)
    }
    # 0.9, 0.5 and 0.3 of the four quarters; three images cannot promise more, so all labels.
    assert sets == {0.25: ["d"], 0.5: ["d"], 0.75: ["d", "b"], 0.76: ["d", "b", "c", "a"]}


def test_likeliest_label_is_in_every_set():
    probabilities = np.array([0.4, 0.6], np.float32)
    assert labels_of(predict(probabilities, model_of("ab", scores=(0.0,)), top_k=2, coverage=0.5).label_set) == ["b"]


def test_label_as_probable_as_the_threshold_is_in_the_set():
    for probability in np.random.default_rng(0).random(1000, np.float32):
        model = model_of("ab", scores=(float(1 - probability),))
        answer = predict(np.array([probability, 1], np.float32), model, top_k=1, coverage=0.5)
        assert labels_of(answer.label_set) == ["b", "a"]


@pytest.mark.parametrize("model", [model_of("ab"), model_of("ab", unsure_below=0.5)])
def test_sets_need_a_calibration(model):
    with pytest.raises(RequestError, match="train or quantize it anew, which publishes a version that has it"):
        predict(np.array([0.4, 0.6], np.float32), model, top_k=2, coverage=0.5)


def answers_of(num_images, num_classes, *, seed):
    """Draw targets and what a calibrated model says: targets are drawn from its own probabilities."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(scale=3, size=(num_images, num_classes)).astype(np.float32)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = (probabilities.cumsum(axis=1) < draw.random((num_images, 1), np.float32)).sum(axis=1)
    return probabilities, targets.clip(max=num_classes - 1)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_sets_hold_the_right_label_as_often_as_was_asked_within_a_point(coverage):
    probabilities, targets = answers_of(26_000, 10, seed=1)
    scores = np.sort(1 - probabilities[np.arange(26_000), targets])
    fitted = np.sort(scores[np.random.default_rng(0).permutation(26_000)[:20_000]])[10::20]  # 1,000, evenly spaced
    model = ServedModel("synthetic", 1, tuple(map(str, range(10))), MODEL.pixels)
    model = replace(model, calibration=Calibration(num_images=20_000, scores=tuple(fitted.clip(0, 1).tolist())))
    sets = [predict(row, model, top_k=1, coverage=coverage).label_set for row in probabilities[20_000:]]
    covered = np.mean([str(target) in labels_of(each) for each, target in zip(sets, targets[20_000:], strict=True)])
    assert covered == pytest.approx(coverage, abs=0.01)
    assert np.mean([len(each) for each in sets]) < 5
