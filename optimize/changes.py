"""What changes from one model's answers to another's on the same images: with their right labels, and without."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.measuring.intervals import Interval, paired
from models.runtime.tensors import Probabilities
from training.dataset import Targets

LEAST_PROBABILITY = 1e-7  # of float32's rounding; a label that a model rules out would make the divergence infinite


@dataclass(frozen=True, slots=True)
class Changes:
    """How a model's labels differ from a first one's on images whose right labels are known, image by image.

    Attributes:
        num_images: compared.
        num_broken: right with the first, wrong now.
        num_fixed: wrong with the first, right now.
        num_swapped: wrong both times, with another label.
        by_class: the same of each label's images; None where it has none.
    """

    num_images: int
    num_broken: int
    num_fixed: int
    num_swapped: int
    by_class: tuple[Changes | None, ...] = ()

    @property
    def churn(self) -> float:
        """Fraction of the images whose label changed."""
        return (self.num_broken + self.num_fixed + self.num_swapped) / self.num_images

    @property
    def agreement(self) -> float:
        """Fraction of the images whose label stayed."""
        return 1 - self.churn

    @property
    def top1_points(self) -> float:
        """Top-1 accuracy minus the first model's, in points (hundredths)."""
        return 100 * (self.num_fixed - self.num_broken) / self.num_images

    @property
    def points_by_class(self) -> tuple[float | None, ...]:
        """Return `top1_points` of each label's images; None where it has none."""
        return tuple(None if changes is None else changes.top1_points for changes in self.by_class)

    @property
    def interval_points(self) -> Interval:
        """The 95 % interval of `top1_points`, had the images been others."""
        low, high = paired(self.num_broken, self.num_fixed, self.num_images)
        return Interval(100 * low, 100 * high)

    @property
    def margin_points(self) -> float:
        """Half of `interval_points`."""
        low, high = self.interval_points
        return (high - low) / 2


def unpaired(before: float, after: float, *, num_images: int) -> Changes:
    """Count what changes as if two models, of which the accuracies alone are known, were right independently.

    The interval is then that of two separate counts, and wider than one of the same images would be.
    """
    num_fixed = round(num_images * (1 - before) * after)
    num_broken = num_fixed - round(num_images * after) + round(num_images * before)
    return Changes(num_images, max(0, num_broken), num_fixed, 0)


def compare(before: Probabilities, after: Probabilities, targets: Targets) -> Changes:
    """Count what changes between two models' answers, float32 [N, C], N >= 1, to images of the classes `targets`."""
    labels, others = before.argmax(axis=1), after.argmax(axis=1)
    members = [np.flatnonzero(targets == target) for target in range(before.shape[1])]
    by_class = tuple(_count(labels[own], others[own], targets[own]) if len(own) else None for own in members)
    return replace(_count(labels, others, targets), by_class=by_class)


def _count(labels: Targets, others: Targets, targets: Targets) -> Changes:
    was_right, is_right = labels == targets, others == targets
    return Changes(
        num_images=len(targets),
        num_broken=int(np.sum(was_right & ~is_right)),
        num_fixed=int(np.sum(~was_right & is_right)),
        num_swapped=int(np.sum(~was_right & ~is_right & (labels != others))),
    )


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like a first model's answers another's are, which takes no right labels, and so every image that there is.

    Attributes:
        num_images: compared.
        agreement: fraction of the images whose label stayed.
        expected_points: of top-1 that the other labels cost, by the first model's probabilities, >= 0: a label that it
            held for nearly as likely costs nearly nothing.
        divergence: mean Kullback-Leibler divergence of the answers from the first model's, nats.
    """

    num_images: int
    agreement: float
    expected_points: float
    divergence: float


def likeness(before: Probabilities, after: Probabilities) -> Likeness:
    """Compare two models' answers, float32 [N, C] each, N >= 1, to the same images."""
    images = np.arange(len(before))
    labels, others = before.argmax(axis=1), after.argmax(axis=1)
    first, second = (np.maximum(answers, LEAST_PROBABILITY).astype(np.float64) for answers in (before, after))
    return Likeness(
        num_images=len(before),
        agreement=float(np.mean(labels == others)),
        expected_points=100 * float(np.mean(before[images, labels] - before[images, others])),
        divergence=float(np.mean(np.sum(first * np.log(first / second), axis=1))),
    )
