"""A linear classifier on features: multinomial logistic regression, whose L2 penalty is chosen by other images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from training.cross_validation import NUM_FOLDS, stratified_folds
from training.dataset import Targets

Features = npt.NDArray[np.float32]
Logits = npt.NDArray[np.float64]

# Of 1,805 flower photos 0.03 and 0.01 had the least loss on 320 others, of 85 photos 0.1 and 0.03.
PENALTIES = (0.3, 0.1, 0.03, 0.01, 0.003)
FEW_VALIDATION_IMAGES = 100  # with fewer, folds of the training images choose, too
_MAX_ITERATIONS = 200


@dataclass(frozen=True, slots=True)
class Head:
    """A fitted classifier.

    Attributes:
        kernel: float32 [D, C].
        bias: float32 [C].
        penalty: the L2 penalty that was chosen, for features of unit mean square.
    """

    kernel: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    penalty: float

    def logits(self, features: Features) -> Logits:
        """Return the logits, [N, C], of features, [N, D]."""
        logits: Logits = features.astype(np.float64) @ self.kernel + self.bias
        return logits


def fit_head(
    features: Features,
    targets: Targets,
    *,
    num_classes: int,
    validation: tuple[Features, Targets],
    groups: Targets | None = None,
    penalties: Sequence[float] = PENALTIES,
    seed: int = 0,
) -> Head:
    """Fit a head for each penalty, and return that with the least loss on images that it has not learned from.

    Args:
        features: of the training images, [N, D].
        targets: of them, [N].
        num_classes: of the data; a class without an image is allowed.
        validation: features and targets to choose the penalty by; where they are few, `NUM_FOLDS` folds of the training
            images have a say, too.
        groups: int64 [N], a number that a training image shares with its copies, which are all in one fold; None where
            there are no copies.
        penalties: to choose from.
        seed: of the folds.
    """
    losses = np.zeros(len(penalties))
    if len(validation[1]) < FEW_VALIDATION_IMAGES and len(penalties) > 1:
        groups = np.arange(len(targets)) if groups is None else groups
        folds = stratified_folds(targets, groups, num_folds=NUM_FOLDS, seed=seed)
        for fold in np.unique(folds) if folds.any() else ():
            is_in = folds == fold
            heads = _path(features[~is_in], targets[~is_in], num_classes, penalties)
            losses += [total_loss(head.logits(features[is_in]), targets[is_in]) for head in heads]
    heads = _path(features, targets, num_classes, penalties)
    losses += [total_loss(head.logits(validation[0]), validation[1]) for head in heads]
    return heads[int(np.argmin(losses))]


def total_loss(logits: Logits, targets: Targets) -> float:
    """Sum the cross-entropy of logits, [N, C], in nats."""
    return float(-_log_softmax(logits)[np.arange(len(targets)), targets].sum())


def _path(features: Features, targets: Targets, num_classes: int, penalties: Sequence[float]) -> list[Head]:
    """Fit a head for each penalty, each from where the one before has ended."""
    scale = np.float32(max(1e-12, np.sqrt(np.mean(np.square(features)))))
    scaled, num_features = features / scale, features.shape[1]
    wanted = np.eye(num_classes, dtype=np.float32)[targets]
    weights = np.zeros((num_features + 1) * num_classes)
    heads = []

    def loss(flat: npt.NDArray[np.float64], penalty: float) -> tuple[float, npt.NDArray[np.float64]]:
        kernel, bias = _unpacked(flat, num_features)
        log_probabilities = _log_softmax(scaled @ kernel + bias)
        error = (np.exp(log_probabilities) - wanted) / len(targets)
        gradient = np.concatenate([scaled.T @ error + penalty * kernel, error.sum(axis=0, keepdims=True)])
        cross_entropy = -(log_probabilities * wanted).sum() / len(targets)
        return float(cross_entropy + 0.5 * penalty * np.square(kernel).sum()), gradient.ravel().astype(np.float64)

    for penalty in penalties:
        options = {"maxiter": _MAX_ITERATIONS, "ftol": 1e-6}
        weights = minimize(loss, weights, args=(penalty,), jac=True, method="L-BFGS-B", options=options).x
        kernel, bias = _unpacked(weights, num_features)
        heads.append(Head(kernel / scale, bias, penalty))
    return heads


def _unpacked(flat: npt.NDArray[np.float64], num_features: int) -> tuple[Features, Features]:
    weights = flat.astype(np.float32).reshape(num_features + 1, -1)
    return weights[:-1], weights[-1]


def _log_softmax(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities: npt.NDArray[np.floating] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log_probabilities
