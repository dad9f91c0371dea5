import numpy as np
import pytest

from training.config import preset, replaced
from training.dataset import Dataset, Split
from training.report.out_of_fold import cross_validated, out_of_fold
from training.run import Run
from training.survey import Survey
from training.transfer.fine_tuning import drawn_for_head

LABELS = ("a", "b", "c")
RIGHT = np.arange(300) % 3
FLIPPED = np.arange(0, 300, 20)
RUN = Run.new(
    command="c", config=replaced(preset("smoke"), {"seed": 7}), data="d", data_name="d", data_sha256="0", labels=LABELS
)


def blobs(targets):
    rng = np.random.default_rng(0)
    return (3 * np.eye(3)[targets] + rng.normal(0, 0.7, (len(targets), 3))).astype(np.float32)


def data_of(targets, groups=None):
    names = tuple(f"{index}.jpg" for index in range(len(targets)))
    train = Split(targets, lambda _: b"", names, np.empty(0, np.int64) if groups is None else groups)
    return Dataset("d", "0", LABELS, train, train, train, survey=Survey("d", {}, "", {}))


def ask(folder, features, data):
    (folder / "features").mkdir()
    np.save(folder / "features" / "train.npy", features)
    return out_of_fold(folder, RUN, data)


def test_wrong_labels_are_answered_as_if_they_were_not_known(tmp_path):
    targets = RIGHT.copy()
    targets[FLIPPED] = (RIGHT[FLIPPED] + 1) % 3
    found = ask(tmp_path, blobs(RIGHT), data_of(targets))
    assert found.part == "training"
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-5)
    assert (found.likeliest == RIGHT).mean() > 0.95
    assert not found.is_right[FLIPPED].any()


def test_a_copy_does_not_give_away_the_label(tmp_path):
    # Each photo is there twice, and its label is noise: only a copy in another fold could tell it.
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(150, 200)), 2, axis=0).astype(np.float32)
    targets = np.repeat(rng.integers(3, size=150), 2)
    found = ask(tmp_path, features, data_of(targets, np.repeat(np.arange(150), 2)))
    assert found.is_right.mean() < 0.5


def test_features_of_some_images_are_those_that_were_drawn(tmp_path):
    drawn = drawn_for_head(data_of(RIGHT), RUN.config, 120)
    found = ask(tmp_path, blobs(RIGHT)[drawn], data_of(RIGHT))
    assert found.split.names == tuple(f"{index}.jpg" for index in drawn)
    assert found.is_right.mean() > 0.95


@pytest.mark.parametrize("kept", [False, True])
def test_without_features_or_with_too_many_nobody_is_asked(tmp_path, monkeypatch, kept):
    monkeypatch.setattr("training.report.out_of_fold.MAX_WORK", 300 * 3 * 3 - 1)
    if kept:
        assert ask(tmp_path, blobs(RIGHT), data_of(RIGHT)) is None
    else:
        assert out_of_fold(tmp_path, RUN, data_of(RIGHT)) is None


def test_each_fold_is_answered_by_a_fit_to_the_others():
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(40, 6)).astype(np.float32), rng.integers(3, size=40)
    folds = np.arange(40) % 4
    found = cross_validated(features, targets, folds, num_classes=3)
    others = targets.copy()
    others[folds == 1] = (targets[folds == 1] + 1) % 3
    again = cross_validated(features, others, folds, num_classes=3)
    order, order_again = (np.argsort(answers[folds == 1], axis=1) for answers in (found, again))
    np.testing.assert_array_equal(order, order_again)  # its own labels have no say in what is likeliest
    assert not np.allclose(found[folds != 1], again[folds != 1])
