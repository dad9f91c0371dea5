"""Figures of a model's answers to labelled images: how many are right, and what its probabilities are worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from models.measuring.intervals import NUM_DRAWS, Interval, bootstrap, in_words, wilson
from models.plural import how_many
from models.runtime.tensors import Probabilities

Targets: TypeAlias = npt.NDArray[np.int64]  # index of each image's label

NUM_CALIBRATION_BINS = 15


@dataclass(frozen=True, slots=True)
class Metrics:
    """Figures of a model on a set of images.

    Attributes:
        num_images: size of the set.
        top1: fraction whose likeliest label is right.
        top5: fraction whose label is among the five likeliest.
        loss: mean negative log-likelihood, nats.
        ece: expected calibration error over 15 bins of equal width (arXiv:1706.04599), fraction in [0, 1].
        loss_interval: of 95 %.
        ece_interval: of 95 %.
    """

    num_images: int
    top1: float
    top5: float
    loss: float
    ece: float
    loss_interval: Interval | None = None
    ece_interval: Interval | None = None

    @property
    def top1_interval(self) -> Interval:
        """Return the 95 % interval of `top1`."""
        return wilson(round(self.top1 * self.num_images), self.num_images)

    def __str__(self) -> str:
        return in_words(round(self.top1 * self.num_images), self.num_images)

    def to_dict(self) -> dict[str, Any]:
        """JSON form, for a manifest; six decimals, more than any of them means."""
        intervals = {
            "top1": self.top1_interval,
            "top5": wilson(round(self.top5 * self.num_images), self.num_images),
            "loss": self.loss_interval,
            "ece": self.ece_interval,
        }
        return {
            **{name: round(getattr(self, name), 6) for name in ("num_images", "top1", "top5", "loss", "ece")},
            "intervals": {name: interval.to_list() for name, interval in intervals.items() if interval},
        }


def measure(probabilities: Probabilities, targets: Targets) -> Metrics:
    """Compare probabilities, float [N, C], with targets, int64 [N]; ValueError where they are no numbers."""
    num_lost = int((~np.isfinite(probabilities).all(axis=1)).sum())
    if num_lost:
        raise ValueError(
            f"the model has no probabilities for {num_lost} of {how_many(len(targets), 'image')}: they are nan"
        )
    of_target = probabilities[np.arange(len(targets)), targets]
    rank = (probabilities > of_target[:, None]).sum(axis=1)
    is_right = probabilities.argmax(axis=1) == targets
    confidence = probabilities.max(axis=1)
    losses = -np.log(np.maximum(of_target, 1e-12))
    return Metrics(
        num_images=len(targets),
        top1=float(np.mean(is_right)),
        top5=float(np.mean(rank < 5)),
        loss=float(np.mean(losses)),
        ece=calibration_error(confidence, is_right),
        loss_interval=bootstrap(lambda drawn: float(np.mean(losses[drawn])), len(targets)),
        ece_interval=_calibration_error_interval(confidence, is_right),
    )


def calibration_error(confidence: Probabilities, is_right: npt.NDArray[np.bool_]) -> float:
    """Return the expected calibration error of images by their largest probability, float [N], and if that is right."""
    bins = np.minimum((confidence * NUM_CALIBRATION_BINS).astype(np.int64), NUM_CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=confidence - is_right, minlength=NUM_CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def _calibration_error_interval(confidence: Probabilities, is_right: npt.NDArray[np.bool_]) -> Interval:
    """Return the interval of the error; it begins at 0 where chance alone shows as much in a calibrated model.

    In simulations of 100 to 10,000 images it held the true error in 81 to 98 % of draws; without the second rule, where
    that was 0, in 45 to 63 %.
    """
    num_images, rng = len(confidence), np.random.default_rng(0)
    low, high = bootstrap(lambda drawn: calibration_error(confidence[drawn], is_right[drawn]), num_images)
    by_chance = [calibration_error(confidence, rng.random(num_images) < confidence) for _ in range(NUM_DRAWS)]
    found = calibration_error(confidence, is_right)
    # What was found is larger than what is true, by chance, and may be outside what the bootstrap takes that back to.
    return Interval(0.0 if found <= np.quantile(by_chance, 0.95) else max(0.0, low), max(found, high))


def recalls(is_right: npt.NDArray[np.bool_], targets: Targets, *, num_classes: int) -> tuple[float | None, ...]:
    """Return the fraction of each class's images that are classified right; None where it has no image."""
    totals = np.bincount(targets, minlength=num_classes)
    right = np.bincount(targets[is_right], minlength=num_classes)
    return tuple(float(part / total) if total else None for part, total in zip(right, totals, strict=True))


def confusion_matrix(probabilities: Probabilities, targets: Targets) -> npt.NDArray[np.int64]:
    """Count images, int64 [C, C]; the row is the image's label, the column the likeliest one."""
    num_classes = probabilities.shape[1]
    cells = targets * num_classes + probabilities.argmax(axis=1)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
