"""What accepting only sure answers would give, by class and threshold, counted on validation images.

An answer is accepted if the probability p of its likeliest label is at least the threshold t of that label: p >= t,
with p as an answer says it. Of a class at its threshold

    precision = accepted answers that are right / accepted answers, both of those whose likeliest label it is
    recall    = accepted answers that are right / images of the class

and of all classes together, each at a threshold of its own, the same of the sums; the share accepted is accepted
answers / images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.store.columns import fraction, validate_counts

FINE = (*(step / 20 for step in range(18)), *(step / 100 for step in range(90, 100)), 0.995, 0.999)
COARSE = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
MAX_CLASSES_FINE = 200
MAX_POINTS = 50_000  # thresholds times classes


class Accepted(NamedTuple):
    """Answers that thresholds accept.

    Attributes:
        num_accepted: of them.
        num_right: those that are right.
        num_images: that could have been accepted and right: of the class, or all.
    """

    num_accepted: int
    num_right: int
    num_images: int

    @property
    def precision(self) -> float | None:
        """Fraction of the accepted answers that is right; None of none."""
        return self.num_right / self.num_accepted if self.num_accepted else None

    @property
    def recall(self) -> float | None:
        """Fraction of the images whose answer is accepted and right; None of none."""
        return self.num_right / self.num_images if self.num_images else None


@dataclass(frozen=True, slots=True)
class OperatingCurve:
    """Counts of answers to the validation images at each threshold.

    Attributes:
        thresholds: ascending, in [0, 1], the first 0.
        num_images: validation images of each class, in the order of the labels.
        num_accepted: of each class, at each threshold; of a class that no answer names, nothing.
        num_right: likewise.

    Raises:
        ValueError: a field is malformed; the message names it.
    """

    thresholds: tuple[float, ...]
    num_images: tuple[int, ...]
    num_accepted: tuple[tuple[int, ...], ...]
    num_right: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        num_classes, num_points = len(self.num_images), len(self.thresholds)
        steps = [fraction(each, "operating_curve.thresholds") for each in self.thresholds]
        if not steps or steps[0] != 0 or any(low >= high for low, high in pairwise(steps)):
            raise ValueError("operating_curve.thresholds must ascend from 0")
        if num_points * num_classes > MAX_POINTS:
            raise ValueError(f"operating_curve must have at most {MAX_POINTS} points, got {num_points * num_classes}")
        validate_counts(self.num_images, "operating_curve.num_images", num_classes)
        for name in ("num_accepted", "num_right"):
            if len(rows := getattr(self, name)) != num_classes:
                raise ValueError(f"operating_curve.{name} must have {num_classes} rows, got {len(rows)}")
            for row in rows:
                validate_counts(row, f"a row of operating_curve.{name}", num_points if row else 0)
                if any(before < after for before, after in pairwise(row)):
                    raise ValueError(f"a row of operating_curve.{name} must not rise, got {list(row)}")
        for images, accepted, right in zip(self.num_images, self.num_accepted, self.num_right, strict=True):
            if len(accepted) != len(right) or any(part > whole for part, whole in zip(right, accepted, strict=True)):
                raise ValueError("a row of operating_curve.num_right must be no more than num_accepted")
            if right and right[0] > images:
                raise ValueError("a row of operating_curve.num_right must be no more than num_images")

    @classmethod
    def of(cls, probabilities: npt.NDArray[np.float32], targets: npt.NDArray[np.int64]) -> OperatingCurve | None:
        """Count answers, float32 [N, C], to images of classes int64 [N]; None where there are too many classes."""
        num_classes = probabilities.shape[1]
        thresholds = FINE if num_classes <= MAX_CLASSES_FINE else COARSE
        if len(thresholds) * num_classes > MAX_POINTS:
            return None
        answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
        # As float32, in which what an answer says as 0.9 is 0.9.
        is_accepted = confidence[:, None] >= np.asarray(thresholds, np.float32)
        accepted = np.zeros((num_classes, len(thresholds)), np.int64)
        right = np.zeros_like(accepted)
        np.add.at(accepted, answers, is_accepted)
        np.add.at(right, answers, is_accepted & (answers == targets)[:, None])
        is_named = accepted[:, 0] > 0
        return cls(
            thresholds,
            tuple(np.bincount(targets, minlength=num_classes).tolist()),
            tuple(tuple(row.tolist()) if named else () for row, named in zip(accepted, is_named, strict=True)),
            tuple(tuple(row.tolist()) if named else () for row, named in zip(right, is_named, strict=True)),
        )

    def of_class(self, index: int, threshold: float | None) -> Accepted:
        """Count the answers of one class that a threshold accepts; between two of the curve, as at the next higher.

        None accepts nothing, and so does what is above the last of the curve.
        """
        place = next(
            (place for place, each in enumerate(self.thresholds) if threshold is not None and each >= threshold), None
        )
        if place is None or not self.num_accepted[index]:
            return Accepted(0, 0, self.num_images[index])
        return Accepted(self.num_accepted[index][place], self.num_right[index][place], self.num_images[index])

    def at_precision(self, precision: float) -> tuple[float | None, ...]:
        """Return the lowest threshold of each class at which it has a precision, in (0, 1]; None where none does."""
        return tuple(
            next(
                (
                    threshold
                    for threshold in self.thresholds
                    if (found := self.of_class(index, threshold).precision) is not None and found >= precision
                ),
                None,
            )
            for index in range(len(self.num_images))
        )

    def at_recall(self, recall: float) -> tuple[float, ...]:
        """Return the highest threshold of each class at which it keeps a recall, in (0, 1]; 0 where none does."""
        return tuple(
            max(
                (each for each in self.thresholds if (self.of_class(index, each).recall or 0.0) >= recall),
                default=0.0,
            )
            for index in range(len(self.num_images))
        )

    def of_all(self, thresholds: Sequence[float | None]) -> Accepted:
        """Count the answers that are accepted where each class has a threshold of its own."""
        each = [self.of_class(index, threshold) for index, threshold in enumerate(thresholds)]
        return Accepted(sum(one.num_accepted for one in each), sum(one.num_right for one in each), sum(self.num_images))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "thresholds": list(self.thresholds),
            "num_images": list(self.num_images),
            "num_accepted": [list(row) for row in self.num_accepted],
            "num_right": [list(row) for row in self.num_right],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> OperatingCurve:
        """Read the JSON form; ValueError where a field is missing, unknown or malformed."""
        names = ("thresholds", "num_images", "num_accepted", "num_right")
        if values.keys() != set(names) or not all(isinstance(each, list) for each in values.values()):
            raise ValueError(f"operating_curve must have the lists {', '.join(names)}, got {sorted(values)}")
        for name in names[2:]:
            if not all(isinstance(row, list) for row in values[name]):
                raise ValueError(f"operating_curve.{name} must be a list of lists")
        thresholds, num_images, *tables = (values[name] for name in names)
        return cls(tuple(thresholds), tuple(num_images), *(tuple(tuple(row) for row in table) for table in tables))
