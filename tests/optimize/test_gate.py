"""What may be published: the difference on validation images decides, and where they are too few, likeness does."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from tflite_files import Tensor, write

from optimize.changes import Changes, Likeness, compare, likeness
from optimize.cost.rounds import Rounds
from optimize.gate import Limits, NothingGained, Verdict, check_gain, judge

LABELS = ("cat", "dog", "owl")


def classifier(num_images: int, *, seed: int):
    """Answers to images of three classes, which are right as often as they say they are, and the right labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(num_images, 3)) * 4
    answers = np.exp(logits - logits.max(axis=1, keepdims=True))
    answers /= answers.sum(axis=1, keepdims=True)
    targets = (answers.cumsum(axis=1) > rng.random((num_images, 1))).argmax(axis=1)
    return answers.astype(np.float32), targets


def with_rounding(answers, rng):
    """The same answers as an int8 file would give them: moved a little."""
    moved = answers * np.exp(rng.normal(scale=0.02, size=answers.shape))
    return (moved / moved.sum(axis=1, keepdims=True)).astype(np.float32)


def with_loss(answers, rng, points):
    """The answers with the likeliest label exchanged for another one of some images, which costs so many points."""
    other = np.roll(answers, 1, axis=1)
    order = np.arange(len(answers))
    cost = answers.max(axis=1) - other[order, answers.argmax(axis=1)]
    is_hit = rng.random(len(answers)) < points / 100 / cost.mean()
    return np.where(is_hit[:, None], other, answers)


def published(damage, *, num_validation, num_draws=100):
    """The part of the draws in which a model so damaged is within limits of half a point."""
    rng, num_training = np.random.default_rng(0), 5 * num_validation
    within = 0
    for seed in range(num_draws):
        before, targets = classifier(num_validation + num_training, seed=seed)
        after = damage(before, rng)
        shown = slice(num_validation)
        within += judge(
            compare(before[shown], after[shown], targets[shown]),
            lambda b=before, a=after, s=shown: (likeness(b[s], a[s]), likeness(b, a)),
            Limits(),
            labels=LABELS,
            against="toy:1",
        ).is_within
    return within / num_draws


@pytest.mark.parametrize("num_validation", [30, 75, 400])
def test_what_loses_nothing_is_published_from_few_images_too(num_validation):
    assert published(with_rounding, num_validation=num_validation) >= 0.98


@pytest.mark.parametrize(("num_validation", "part"), [(30, 0.1), (75, 0.03), (400, 0.0)])
def test_what_loses_two_points_is_not(num_validation, part):
    assert published(partial(with_loss, points=2), num_validation=num_validation) <= part


def never():
    raise AssertionError("the validation images were enough")


def verdict_of(changes, likenesses=never, **limits):
    return judge(changes, likenesses, Limits(**limits), labels=LABELS, against="toy:1")


def test_difference_whose_interval_is_within_the_limit_passes():
    verdict = verdict_of(Changes(10_000, 30, 35, 5))
    assert verdict == Verdict(
        True, "top-1 +0.05 points (-0.11 to +0.21) on 10,000 validation images against toy:1; max_accuracy_drop is 0.5"
    )


def test_difference_whose_interval_is_beyond_the_limit_is_refused_with_its_figures():
    verdict = verdict_of(Changes(5000, 150, 50, 5))
    assert verdict == Verdict(
        False, "top-1 -2.00 points (-2.55 to -1.45) on 5,000 validation images against toy:1; max_accuracy_drop is 0.5"
    )


@pytest.mark.parametrize(("num_broken", "is_within"), [(45, True), (46, False)])
def test_margin_no_wider_than_the_limit_leaves_it_to_the_difference(num_broken, is_within):
    assert verdict_of(Changes(5000, num_broken, 20, 0)).is_within == is_within


NEARLY = Likeness(num_images=425, agreement=0.995, expected_points=0.1, divergence=0.002)


def test_of_too_few_images_it_is_said_in_one_line_and_likeness_judges():
    verdict = verdict_of(Changes(75, 1, 0, 0), lambda: (replace(NEARLY, num_images=75), NEARLY))
    assert verdict.is_within
    assert verdict.reason == (
        "top-1 -1.33 points (-4.89 to +2.29) on 75 validation images against toy:1: too few to tell, as "
        "max_accuracy_drop is 0.5; but of 425 images, those of the training among them, 99.50 % keep their label, the "
        "others cost 0.10 points by the probabilities before (0.10 on the validation images, 1.3 at most), and the KL "
        "divergence is 0.002 (0.05 at most)"
    )


@pytest.mark.parametrize(
    ("of_validation", "of_all"),
    [
        ({}, {"expected_points": 0.51}),
        ({"expected_points": 1.34}, {}),
        ({}, {"divergence": 0.051}),
        ({"divergence": 0.051}, {}),
    ],
)
def test_of_too_few_images_what_is_not_like_the_first_model_is_refused(of_validation, of_all):
    unlike = replace(NEARLY, num_images=75, **of_validation), replace(NEARLY, **of_all)
    assert not verdict_of(Changes(75, 1, 0, 0), lambda: unlike).is_within


def test_class_that_surely_lost_is_named_though_the_whole_did_not():
    by_class = (Changes(4800, 0, 24, 0), None, Changes(200, 50, 0, 0))
    changes = Changes(5000, 50, 24, 0, by_class)
    verdict = verdict_of(changes, max_accuracy_drop=1)
    assert not verdict.is_within
    assert verdict.reason.endswith(", but of 'owl' -25.00 points (-30.78 to -18.72); max_class_drop is 10")
    assert verdict_of(changes, max_accuracy_drop=1, max_class_drop=20).is_within
    assert verdict_of(changes, max_accuracy_drop=100).is_within


def test_class_of_which_few_images_changed_may_have_lost_by_chance():
    by_class = (Changes(4990, 0, 0, 0), Changes(10, 3, 0, 0), None)
    assert verdict_of(Changes(5000, 3, 0, 0, by_class)).is_within


@pytest.fixture
def files(tmp_path):
    """Files of random weights, of as many with zeros among them, and of many more that are all zeros."""
    weights = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    sparse, long = weights.copy(), np.zeros((64, 8), np.float32)
    sparse[::2] = 0
    contents = {"dense": weights, "sparse": sparse, "long": long}
    return {
        name: write(
            tmp_path / f"{name}.tflite",
            [Tensor((1, 8)), Tensor(kernel.shape, data=kernel), Tensor((1, len(kernel)))],
            [("FULLY_CONNECTED", [0, 1, -1], [2])],
        )
        for name, kernel in contents.items()
    }


def timed(monkeypatch, *ratios: float) -> list[tuple[str, str]]:
    """Have the rounds of time come out so; returns the files that were timed."""
    calls = []

    def latency_ratio(candidate, baseline):
        calls.append((candidate.stem, baseline.stem))
        return Rounds(ratios)

    monkeypatch.setattr("optimize.gate.latency_ratio", latency_ratio)
    return calls


@pytest.mark.parametrize("after", ["sparse", "long"])
def test_fewer_bytes_as_they_are_or_after_gzip_are_a_gain_that_takes_no_time_to_find(files, after, monkeypatch):
    calls = timed(monkeypatch, 1.0)
    check_gain(files["dense"], files[after], otherwise="")
    check_gain(files["long"], files["dense"], otherwise="")  # fewer bytes as they are, more after gzip
    assert calls == []


def test_less_time_is_a_gain_whatever_the_bytes(files, monkeypatch):
    calls = timed(monkeypatch, 0.9, 0.91, 0.92, 0.95, 1.3)
    check_gain(files["sparse"], files["dense"], otherwise="")
    assert calls == [("dense", "sparse")]


def test_neither_bytes_nor_time_is_refused_with_all_of_them(files, monkeypatch):
    timed(monkeypatch, 0.9, 0.95, 1.1, 1.2)
    message = r"^[\d,]+ bytes \([\d,]+ after gzip\) against [\d,]+ \([\d,]+\), and 1\.02 of the time: .*; how$"
    with pytest.raises(NothingGained, match=message):
        check_gain(files["dense"], files["dense"], otherwise="how")
