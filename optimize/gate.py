"""Nothing is published that costs more accuracy than its user allows."""

from __future__ import annotations

from typing import ClassVar

from models.errors import OpsinError
from training.evaluate import Metrics


class AccuracyDropTooLarge(OpsinError):
    """The smaller model is worse than allowed."""

    code: ClassVar[str] = "accuracy_drop_too_large"


def accuracy_drop(before: Metrics, after: Metrics) -> float:
    """Lost top-1 accuracy in points (hundredths); negative if some was gained."""
    return 100 * (before.top1 - after.top1)


def check_accuracy(before: Metrics, after: Metrics, *, max_accuracy_drop: float) -> None:
    """Raise AccuracyDropTooLarge if more than `max_accuracy_drop` points of top-1 accuracy were lost."""
    drop = accuracy_drop(before, after)
    if drop > max_accuracy_drop + 1e-9:  # both are counts of images over the same total: only rounding is forgiven
        raise AccuracyDropTooLarge(
            f"top-1 accuracy fell by {drop:.2f} points, from {before.top1:.2%} to {after.top1:.2%}; "
            f"max_accuracy_drop is {max_accuracy_drop:g}: not published"
        )
