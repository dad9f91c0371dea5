"""Fit what a model's probabilities are worth: temperature, threshold and scores, on validation images alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from models.measuring.intervals import Interval, bootstrap
from models.measuring.metrics import Targets
from models.runtime.tensors import Probabilities
from models.store.calibration import MAX_SCORES, Calibration, sureness

MAX_UNSURE = 0.05  # part of the right answers that may be unsure
FEW_IMAGES = 200  # with fewer, a temperature is told with its interval
LARGEST_FACTOR = 20.0
# The prior of log T is normal around 0. Of 0.25, 0.5, 1 and none, on draws of 10 to 500 of CIFAR-10's test images, this
# had the least loss in the worst of 40 draws, for a model that is too sure, not sure enough, or neither
# (docs/training.md, "Probabilities").
PRIOR_STD = 0.25
_TINIEST = 1e-45  # that float32 can hold


def fit_temperature(probabilities: Probabilities, targets: Targets) -> float:
    """Find the T by which logits must be divided for the least loss (arXiv:1706.04599).

    Logarithms of probabilities are logits up to a constant for each image, which a softmax does not see. A prior keeps
    T near 1 where there are few images: it is worth sixteen of them and less, the more there are.

    Args:
        probabilities: float [N, C], of images that no weight has learned from. Of training images, nearly all right,
            T is far too small.
        targets: int64 [N].

    Returns:
        T with four decimals, so that it is the same on every machine, within 1/20 to 20.
    """
    logits = np.log(np.maximum(probabilities, _TINIEST)).astype(np.float64)
    of_target = logits[np.arange(len(targets)), targets]
    low, high = -math.log(LARGEST_FACTOR), math.log(LARGEST_FACTOR)  # of the logarithm of 1 / T
    for _ in range(30):
        middle = (low + high) / 2
        factor = math.exp(middle)
        expected = (softmax(factor * logits) * logits).sum(axis=1)
        slope = factor * float(np.sum(expected - of_target)) + middle / PRIOR_STD**2
        low, high = (middle, high) if slope < 0 else (low, middle)
    return round(math.exp(-middle), 4)


def temperature_interval(probabilities: Probabilities, targets: Targets) -> Interval | None:
    """Return the interval of T where there are few images, None where it is narrow anyway."""
    if len(targets) >= FEW_IMAGES:
        return None
    return bootstrap(lambda drawn: fit_temperature(probabilities[drawn], targets[drawn]), len(targets), num_draws=100)


def with_temperature(probabilities: Probabilities, temperature: float) -> Probabilities:
    """Return the probabilities, float32 [N, C], that the logits divided by a temperature have."""
    logits = np.log(np.maximum(probabilities, _TINIEST)).astype(np.float64)
    return softmax(logits / temperature).astype(np.float32)


def fit_calibration(
    probabilities: Probabilities, targets: Targets, *, temperature: float, none_target: int | None = None
) -> Calibration:
    """Fit threshold and scores to answers that have the temperature in them.

    Args:
        probabilities: float [N, C], of validation images.
        targets: int64 [N].
        temperature: that the answers' logits were divided by.
        none_target: index of the class `_none`, if there is one. Its images have no part in the threshold.
    """
    of_target = probabilities[np.arange(len(targets)), targets].astype(np.float64)
    return Calibration(
        num_images=len(targets),
        temperature=temperature,
        unsure_below=unsure_threshold(probabilities, targets, none_target=none_target),
        scores=conformal_scores(of_target),
    )


def unsure_threshold(probabilities: Probabilities, targets: Targets, *, none_target: int | None = None) -> float | None:
    """Return the largest threshold on sureness that makes at most 5 % of the right answers unsure.

    None where no image is answered right.
    """
    is_right = (probabilities.argmax(axis=1) == targets) & (targets != none_target)
    found = sorted(sureness(row) for row in probabilities[is_right])
    if not found:
        return None
    # Rounded down, so that no more are below it.
    return math.floor(found[int(MAX_UNSURE * len(found))] * 1e6) / 1e6


def conformal_scores(of_target: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Return 1 - probability of the right label, ascending; of more than MAX_SCORES images, evenly spaced ones.

    The k-th of m scores stands for the ceil(k (n + 1) / (m + 1))-th of all n, so that what is covered by it is covered.
    """
    scores = np.sort(np.clip(1.0 - of_target, 0.0, 1.0))
    num_kept = min(MAX_SCORES, len(scores))
    ranks = -(-np.arange(1, num_kept + 1) * (len(scores) + 1) // (num_kept + 1))  # rounded up
    # Rounded up, too; what is 1 stays 1.
    return tuple((np.ceil(scores[np.minimum(ranks, len(scores)) - 1] * 1e6) / 1e6).tolist())


def softmax(logits: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """Return the probabilities, [N, C], of logits."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: npt.NDArray[np.floating[Any]] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities
