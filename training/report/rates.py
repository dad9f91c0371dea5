"""Rates with their intervals: of each class, how many of its photos are found, and how often its name is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.measuring.intervals import wilson


@dataclass(frozen=True, slots=True)
class Rate:
    """A number of photos out of some.

    Attributes:
        num_right: of them.
        num_photos: all; the rate is unknown if there is none.
    """

    num_right: int
    num_photos: int

    def __str__(self) -> str:
        """Format with the 95 % interval, as "93.3 % (85.3 to 97.1)"; a dash if there is no photo."""
        if not self.num_photos:
            return "\N{EN DASH}"
        interval = wilson(self.num_right, self.num_photos).in_percent()
        return f"{100 * self.num_right / self.num_photos:.1f} % ({interval})"


@dataclass(frozen=True, slots=True)
class ClassRates:
    """The rates of one class.

    Attributes:
        label: of the class.
        recall: of the photos of the class, those that are called so.
        precision: of the photos that are called so, those of the class.
    """

    label: str
    recall: Rate
    precision: Rate


def class_rates(matrix: npt.NDArray[np.int64], labels: Sequence[str]) -> list[ClassRates]:
    """Return the rates of each class from a confusion matrix, int64 [C, C], whose rows are the labels."""
    return [
        ClassRates(
            label,
            Rate(int(matrix[index, index]), int(matrix[index].sum())),
            Rate(int(matrix[index, index]), int(matrix[:, index].sum())),
        )
        for index, label in enumerate(labels)
    ]
