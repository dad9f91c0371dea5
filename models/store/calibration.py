"""What a model's probabilities are worth: fitted on validation images, carried by the manifest, applied to answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

NONE_LABEL = "_none"  # a class of what belongs to none of the others
MIN_SCORES = 19  # for a coverage of 0.95: n promise n / (n + 1) at most
MAX_SCORES = 1000  # more would not change a threshold by more than a thousandth of the images

# Many answers of an int8 model are equal: what is as probable as the threshold must reach it, though float32.
_ROUNDING = 1e-6
FEW = 64  # labels, which Python goes through in less time than numpy's functions take to come into the caches


@dataclass(frozen=True, slots=True)
class Calibration:
    """Thresholds on the probabilities of one version, fitted on validation images that no weight has learned from.

    Attributes:
        num_images: validation images that it was fitted on.
        temperature: by which the graph divides the logits (arXiv:1706.04599); 1 for none.
        unsure_below: an answer whose `sureness` is less is unsure; None where none was fitted.
        scores: 1 - probability of the right label, ascending, of the validation images or of evenly spaced ones of
            them; for split conformal prediction.

    Raises:
        ValueError: a field is malformed; the message names it.
    """

    num_images: int
    temperature: float = 1.0
    unsure_below: float | None = None
    scores: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if type(self.num_images) is not int or self.num_images < 1:
            raise ValueError(f"calibration.num_images must be a whole number >= 1, got {self.num_images!r}")
        if not 0 < _number("temperature", self.temperature) < math.inf:
            raise ValueError(f"calibration.temperature must be > 0, got {self.temperature!r}")
        if self.unsure_below is not None and not 0 <= _number("unsure_below", self.unsure_below) <= 1:
            raise ValueError(f"calibration.unsure_below must be in [0, 1], got {self.unsure_below!r}")
        object.__setattr__(self, "scores", tuple(self.scores))
        if len(self.scores) > MAX_SCORES or any(not 0 <= _number("scores", score) <= 1 for score in self.scores):
            raise ValueError(f"calibration.scores must be at most {MAX_SCORES} numbers in [0, 1]")
        if list(self.scores) != sorted(self.scores):
            raise ValueError("calibration.scores must be ascending")

    def is_unsure(self, probabilities: npt.ArrayLike) -> bool:
        """Tell if an answer with these probabilities of all labels is likely of none of the classes."""
        return self.unsure_below is not None and sureness(probabilities) < self.unsure_below

    def least_probability(self, coverage: float) -> float:
        """Return the probability from which on a label belongs to the set that holds the right one so often.

        Split conformal prediction with the least ambiguous sets (arXiv:1609.00451): of images like the validation
        images, the set of all labels at least so probable has the right one for `coverage` of them or more.

        Args:
            coverage: a fraction in (0, 1).

        Returns:
            A probability; 0, which every label reaches, where there are too few scores to promise less.
        """
        # The ceil((n + 1) * coverage)-th smallest of n scores.
        rank = math.ceil((len(self.scores) + 1) * coverage)
        return max(0.0, 1.0 - self.scores[rank - 1] - _ROUNDING) if rank <= len(self.scores) else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "num_images": self.num_images,
            "temperature": self.temperature,
            "unsure_below": self.unsure_below,
            "scores": list(self.scores),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """Read the JSON form; ValueError where a field is missing, unknown or malformed."""
        expected = {"num_images", "temperature", "unsure_below", "scores"}
        if values.keys() != expected:
            raise ValueError(f"calibration must have the fields {', '.join(sorted(expected))}, got {sorted(values)}")
        if not isinstance(values["scores"], list):
            raise ValueError(f"calibration.scores must be a list, got {type(values['scores']).__name__}")
        return cls(**values)


def sureness(probabilities: npt.ArrayLike) -> float:
    """Return exp(-entropy) of an answer, [C]: 1 for a certain one, 1 / k for an even choice of k labels.

    It tells photos of none of the classes from others better than the largest probability does (docs/training.md).
    """
    if isinstance(probabilities, list) and len(probabilities) <= FEW:
        return math.exp(sum([value * math.log(value) for value in probabilities if value > 0]))
    values = np.asarray(probabilities, np.float64)
    if len(values) <= FEW:
        return sureness(values.tolist())
    values = values[values > 0]
    return math.exp((values * np.log(values)).sum())


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"calibration.{name} must be a finite number, got {value!r}")
    return value
