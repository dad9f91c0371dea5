"""Measure on all photos what too few test photos cannot tell: each is answered by a fit to the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.measuring.intervals import in_words, wilson
from training.dataset import Targets

NUM_FOLDS = 5
FEW_TEST_IMAGES = 200  # with fewer the interval of an accuracy of 0.9 is wider than 8 points

Features = npt.NDArray[np.float32]
Scores = npt.NDArray[np.floating[Any]]
Fit = Callable[[Features, Targets], Callable[[Features], Scores]]


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """How often fits to four fifths of the images are right for the other fifth.

    It is an estimate for what was fitted, such as a head on stored features, and not for a network that is trained on.

    Attributes:
        num_images: all of them.
        num_right: answered right by the fit that has not seen them.
        num_folds: parts; fewer than `NUM_FOLDS` where there are fewer groups of copies.
    """

    num_images: int
    num_right: int
    num_folds: int

    def __str__(self) -> str:
        return in_words(self.num_right, self.num_images, "photo", f", in {self.num_folds} folds")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, for a manifest: `metrics.cross_validation`."""
        return {
            "of": "the classifier alone",  # also where all layers have learned after it
            "num_images": self.num_images,
            "top1": round(self.num_right / self.num_images, 6),
            "intervals": {"top1": wilson(self.num_right, self.num_images).to_list()},
            "num_folds": self.num_folds,
        }


def cross_validate(
    features: Features, targets: Targets, groups: Targets, fit: Fit, *, seed: int = 0
) -> CrossValidation | None:
    """Fit to all folds but one, in turn, and count right answers to the one; None where there are no two folds.

    Args:
        features: of all images, [N, D].
        targets: of them, [N].
        groups: int64 [N], a number that an image shares with its copies, which are all in one fold.
        fit: takes features and targets; returns what gives the scores, [M, C], of features, [M, D].
        seed: of the folds.
    """
    folds = stratified_folds(targets, groups, num_folds=NUM_FOLDS, seed=seed)
    num_folds = int(folds.max(initial=-1)) + 1
    if num_folds < 2:
        return None
    num_right = 0
    for fold in range(num_folds):
        is_out = folds == fold
        scores = fit(features[~is_out], targets[~is_out])(features[is_out])
        num_right += int((scores.argmax(axis=1) == targets[is_out]).sum())
    return CrossValidation(len(targets), num_right, num_folds)


def stratified_folds(targets: Targets, groups: Targets, *, num_folds: int, seed: int = 0) -> Targets:
    """Return the fold of each image, int64 [N]: of each class about as many in each, groups of copies whole.

    A group belongs to the class of its first image. Large groups are dealt out first, each to the fold that has the
    fewest images of its class, and of those the fewest of all.
    """
    _, first, group, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    num_folds = min(num_folds, len(sizes))
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    of_class = np.zeros((int(targets.max(initial=-1)) + 1, num_folds), np.int64)
    fold_of_group = np.zeros(len(sizes), np.int64)
    for index in order:
        target = targets[first[index]]
        fold = np.lexsort((of_class.sum(axis=0), of_class[target]))[0]
        of_class[target, fold] += sizes[index]
        fold_of_group[index] = fold
    return fold_of_group[group]
