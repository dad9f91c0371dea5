"""What a version answered to its validation images, by class and confidence: what later answers are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# Upper bounds of the confidence (the largest probability), finest where the answers of a good model are.
CONFIDENCE_BOUNDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True, slots=True)
class ExpectedAnswers:
    """Numbers of validation images, carried by the manifest.

    Attributes:
        classes: by likeliest class, in the order of the labels.
        confidence: by the first of CONFIDENCE_BOUNDS that the confidence does not exceed.

    Raises:
        ValueError: a field is malformed; the message names it.
    """

    classes: tuple[int, ...]
    confidence: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("classes", "confidence"):
            counts = tuple(getattr(self, name))
            if any(type(count) is not int or not 0 <= count < 2**53 for count in counts):
                raise ValueError(f"expected_answers.{name} must be whole numbers >= 0")
            object.__setattr__(self, name, counts)
        if len(self.confidence) != len(CONFIDENCE_BOUNDS):
            num_bounds = len(CONFIDENCE_BOUNDS)
            raise ValueError(f"expected_answers.confidence must have {num_bounds} numbers, got {len(self.confidence)}")
        if not sum(self.classes) or sum(self.classes) != sum(self.confidence):
            raise ValueError("expected_answers must count at least one image, and the same by class and by confidence")

    @classmethod
    def of(cls, probabilities: npt.NDArray[np.float32]) -> ExpectedAnswers:
        """Count answers, float32 [N, C]."""
        confidence = np.minimum(probabilities.max(axis=1).astype(np.float64), 1.0)
        by_class = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
        by_confidence = np.bincount(np.searchsorted(CONFIDENCE_BOUNDS, confidence), minlength=len(CONFIDENCE_BOUNDS))
        return cls(tuple(by_class.tolist()), tuple(by_confidence.tolist()))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"classes": list(self.classes), "confidence": list(self.confidence)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ExpectedAnswers:
        """Read the JSON form; ValueError where a field is missing, unknown or malformed."""
        if values.keys() != {"classes", "confidence"} or not all(isinstance(each, list) for each in values.values()):
            raise ValueError(f"expected_answers must have the lists classes and confidence, got {sorted(values)}")
        return cls(**values)
