import numpy as np
import pytest

from training.cross_validation import CrossValidation, cross_validate, stratified_folds


def nearest(features, targets):
    """Fits by heart: an image has the class of the one that it is nearest to."""

    def scores(others):
        distances = np.square(others[:, None] - features[None]).sum(axis=2)
        return np.eye(3)[targets[distances.argmin(axis=1)]]

    return scores


def test_each_class_is_spread_over_the_folds_and_copies_are_in_one():
    targets = np.repeat([0, 1, 2], [50, 23, 7])
    groups = np.arange(80)
    groups[[10, 20, 30]] = 10
    groups[[60, 61]] = 60
    folds = stratified_folds(targets, groups, num_folds=5)
    counts = np.stack([np.bincount(folds[targets == target], minlength=5) for target in range(3)])
    assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all()
    assert len(set(folds[[10, 20, 30]])) == len(set(folds[[60, 61]])) == 1
    assert np.abs(np.bincount(folds) - 16).max() <= 1


def test_another_seed_draws_other_folds():
    targets, groups = np.zeros(40, np.int64), np.arange(40)
    first, again, other = (stratified_folds(targets, groups, num_folds=5, seed=seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_copies_are_not_answered_by_heart():
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(20, 4)), 2, axis=0).astype(np.float32)  # each image twice
    targets = np.repeat(rng.integers(3, size=20), 2)
    by_heart = cross_validate(features, targets, np.arange(40), nearest)
    assert by_heart.num_right > 30
    assert cross_validate(features, targets, np.arange(40) // 2, nearest).num_right < 25


def test_every_image_is_counted_once():
    targets = np.repeat([0, 1, 2], 11)
    features = np.eye(3, dtype=np.float32)[targets]
    found = cross_validate(features, targets, np.arange(33), nearest)
    assert found == CrossValidation(num_images=33, num_right=33, num_folds=5)
    assert str(found) == "100.0 % of 33 photos, in 5 folds (89.6 to 100.0)"
    assert found.to_dict() == {
        "of": "the classifier alone",
        "num_images": 33,
        "top1": 1.0,
        "intervals": {"top1": [pytest.approx(0.8957, abs=1e-4), 1.0]},
        "num_folds": 5,
    }


def test_images_of_one_group_cannot_be_divided():
    assert cross_validate(np.ones((3, 2), np.float32), np.array([0, 1, 1]), np.array([5, 5, 5]), nearest) is None
