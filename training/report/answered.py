"""Photos that a model has not learned from, with what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from models.runtime.tensors import Probabilities
from training.dataset import Dataset, Split
from training.measured import Answers


@dataclass(frozen=True)
class Answered:
    """Photos that a model has not learned from, with its answers.

    Attributes:
        part: "test" or "validation".
        split: the photos.
        probabilities: float32 [N, C].
    """

    part: str
    split: Split
    probabilities: Probabilities

    @cached_property
    def confidence(self) -> npt.NDArray[np.floating[Any]]:
        """Largest probability of each answer, [N]."""
        largest: npt.NDArray[np.floating[Any]] = self.probabilities.max(axis=1)
        return largest

    @cached_property
    def likeliest(self) -> npt.NDArray[np.int64]:
        """Index of the likeliest label of each photo, [N]."""
        indices: npt.NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return indices

    @cached_property
    def is_right(self) -> npt.NDArray[np.bool_]:
        """Whether that label is the photo's, [N]."""
        right: npt.NDArray[np.bool_] = self.likeliest == self.split.targets
        return right

    @cached_property
    def lead(self) -> npt.NDArray[np.floating[Any]]:
        """Largest probability of each answer minus the second, [N]."""
        two = np.sort(self.probabilities, axis=1)[:, -2:]
        difference: npt.NDArray[np.floating[Any]] = two[:, -1] - two[:, 0]
        return difference


def answered(data: Dataset, answers: Answers) -> list[Answered]:
    """Return the test and the validation photos with a file's answers."""
    test = Answered("test", data.test, answers.test)
    return [test, Answered("validation", data.validation, answers.validation)] if data.has_validation else [test]
