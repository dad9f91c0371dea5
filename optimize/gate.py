"""Decides what may be published: nothing that loses more accuracy than allowed, or that gains nothing.

Accuracy is compared on the validation images, image by image; test images give figures alone. Where they are too few
to tell, what needs no right labels judges: how like the first model's answers to all images the new ones are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from models.errors import OpsinError
from models.plural import how_many
from models.report import percent
from optimize.changes import Changes, Likeness
from optimize.cost.latency import latency_ratio
from optimize.cost.tflite_file import read_tflite

MAX_ACCURACY_DROP = 0.5
MAX_CLASS_DROP = 10.0
# For a loss of MAX_ACCURACY_DROP, in nats. int8 files of the recipes have 0.002 to their float32 model, those that lose
# half a point 0.04, and one that loses two points 0.11 (`python -m benchmarks.gate`).
MAX_DIVERGENCE = 0.05
# Of the validation images alone, which no weight has learned from, but which are few: twice the limit, and a quarter of
# an image, so that one label that changed where two were nearly as likely does not decide.
VALIDATION_FACTOR, VALIDATION_IMAGES = 2, 0.25
ROUNDING = 1e-6  # both are counts of images over the same total: only rounding is forgiven


class AccuracyDropTooLarge(OpsinError):
    """The smaller model is worse than allowed, in all or on one class."""

    code: ClassVar[str] = "accuracy_drop_too_large"


class NothingGained(OpsinError):
    """The smaller model is neither smaller nor faster."""

    code: ClassVar[str] = "nothing_gained"


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be lost against the first model of a line, in points.

    Attributes:
        max_accuracy_drop: of top-1 accuracy.
        max_class_drop: of the accuracy on any one class; None for 10, or `max_accuracy_drop` if that is more.
    """

    max_accuracy_drop: float = MAX_ACCURACY_DROP
    max_class_drop: float | None = None

    @property
    def of_a_class(self) -> float:
        """Return what a class may lose, in points."""
        return max(MAX_CLASS_DROP, self.max_accuracy_drop) if self.max_class_drop is None else self.max_class_drop

    @property
    def max_divergence(self) -> float:
        """Return the largest divergence of the answers, in nats, where likeness judges."""
        return max(MAX_DIVERGENCE, MAX_DIVERGENCE / MAX_ACCURACY_DROP * self.max_accuracy_drop)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a model is within the limits, and the figures that say so, as a part of a sentence."""

    is_within: bool
    reason: str


def judge(
    changes: Changes,
    likenesses: Callable[[], tuple[Likeness, Likeness]],
    limits: Limits,
    *,
    labels: Sequence[str],
    against: str,
) -> Verdict:
    """Say whether a model loses no more than the limits against the first one of its line.

    Refused is what the interval shows to be beyond a limit. Where the limit lies within the interval, the difference
    decides if its margin is no wider than the limit; else likeness does, by limits that `python -m benchmarks.gate`
    has tried.

    Args:
        changes: on the validation images.
        likenesses: to the first model's answers, on the validation images and on all images; called where they judge.
        limits: what may be lost.
        labels: of the classes.
        against: the first model, in words.
    """
    lost = -changes.top1_points
    least, most = sorted(-end for end in changes.interval_points)
    figures = f"top-1 {_points(changes)} on {how_many(changes.num_images, 'validation image')} against {against}"
    limit = f"max_accuracy_drop is {limits.max_accuracy_drop:g}"
    if least > limits.max_accuracy_drop:
        return Verdict(False, f"{figures}; {limit}")
    if worse := [
        f"{label!r} {_points(own)}"
        for label, own in zip(labels, changes.by_class, strict=False)  # figures alone have no classes
        if own and -own.interval_points.high > limits.of_a_class
    ]:
        return Verdict(False, f"{figures}, but of {', '.join(worse)}; max_class_drop is {limits.of_a_class:g}")
    if most <= limits.max_accuracy_drop or changes.margin_points <= limits.max_accuracy_drop:
        return Verdict(lost <= limits.max_accuracy_drop + ROUNDING, f"{figures}; {limit}")
    of_validation, of_all = likenesses()
    of_few = VALIDATION_FACTOR * limits.max_accuracy_drop + 100 * VALIDATION_IMAGES / of_validation.num_images
    return Verdict(
        of_all.expected_points <= limits.max_accuracy_drop + ROUNDING
        and of_validation.expected_points <= of_few + ROUNDING
        and max(of_all.divergence, of_validation.divergence) <= limits.max_divergence,
        f"{figures}: too few to tell, as {limit}; but of {how_many(of_all.num_images, 'image')}, those of "
        f"the training among them, {percent(of_all.agreement)} keep their label, the others cost "
        f"{of_all.expected_points:.2f} points by the probabilities before ({of_validation.expected_points:.2f} on the "
        f"validation images, {of_few:.1f} at most), and the KL divergence is "
        f"{max(of_all.divergence, of_validation.divergence):.2g} ({limits.max_divergence:g} at most)",
    )


def _points(changes: Changes) -> str:
    low, high = changes.interval_points
    return f"{changes.top1_points:+.2f} points ({low:+.2f} to {high:+.2f})"


def check_force(force: str | None, name: str) -> None:
    """Raise ValueError if `force` is given and is not the name that will be published."""
    if force not in (None, name):
        raise ValueError(f"force must name the model that is published, {name!r}, got {force!r}")


def check_gain(before: Path, after: Path, *, otherwise: str) -> None:
    """Raise NothingGained if a `.tflite` file beats its parent neither in bytes, as it is or after gzip, nor in time.

    Time is that of one image on one core, in interleaved rounds; it is measured only if the bytes do not decide.

    Args:
        before: the parent's file.
        after: the file that is to be published.
        otherwise: how to publish it all the same, for the message.
    """
    smaller, parent = read_tflite(after), read_tflite(before)
    if smaller.num_bytes < parent.num_bytes or smaller.gzip_bytes < parent.gzip_bytes:
        return
    ratio = latency_ratio(after, before)
    if ratio.quartiles[1] >= 1:
        raise NothingGained(
            f"{smaller.num_bytes:,} bytes ({smaller.gzip_bytes:,} after gzip) against {parent.num_bytes:,} "
            f"({parent.gzip_bytes:,}), and {ratio.median:.2f} of the time: nothing is gained, so it was not published; "
            f"{otherwise}"
        )
