"""Decides what may be published: nothing that loses more accuracy than allowed, or that gains nothing."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from models.errors import OpsinError
from optimize.cost.latency import latency_ratio
from optimize.cost.tflite_file import read_tflite
from training.evaluate import Metrics


class AccuracyDropTooLarge(OpsinError):
    """The smaller model is worse than allowed."""

    code: ClassVar[str] = "accuracy_drop_too_large"


class NothingGained(OpsinError):
    """The smaller model is neither smaller nor faster."""

    code: ClassVar[str] = "nothing_gained"


def accuracy_drop(before: Metrics, after: Metrics) -> float:
    """Return the lost top-1 accuracy in points (hundredths); negative if some was gained."""
    return 100 * (before.top1 - after.top1)


def check_accuracy(before: Metrics, after: Metrics, *, max_accuracy_drop: float) -> None:
    """Raise AccuracyDropTooLarge if more than `max_accuracy_drop` points of top-1 accuracy were lost."""
    drop = accuracy_drop(before, after)
    if drop > max_accuracy_drop + 1e-9:  # both are counts of images over the same total: only rounding is forgiven
        raise AccuracyDropTooLarge(
            f"top-1 accuracy fell by {drop:.2f} points, from {before.top1:.2%} to {after.top1:.2%}; "
            f"max_accuracy_drop is {max_accuracy_drop:g}: not published"
        )


def check_force(force: str | None, name: str) -> None:
    """Raise ValueError if `force` is given and is not the name that will be published."""
    if force not in (None, name):
        raise ValueError(f"force must name the model that is published, {name!r}, got {force!r}")


def check_gain(before: Path, after: Path) -> None:
    """Raise NothingGained if a `.tflite` file beats its parent neither in bytes, as it is or after gzip, nor in time.

    Time is that of one image on one core, in interleaved rounds; it is measured only if the bytes do not decide.
    """
    smaller, parent = read_tflite(after), read_tflite(before)
    if smaller.num_bytes < parent.num_bytes or smaller.gzip_bytes < parent.gzip_bytes:
        return
    ratio = latency_ratio(after, before)
    if ratio.quartiles[1] >= 1:
        raise NothingGained(
            f"{smaller.num_bytes:,} bytes ({smaller.gzip_bytes:,} after gzip) against {parent.num_bytes:,} "
            f"({parent.gzip_bytes:,}), and {ratio.median:.2f} of the time: nothing is gained, so it was not published"
        )
