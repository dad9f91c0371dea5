"""What a teaching may be told, checked before TensorFlow is loaded."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

NUM_VIEWS = 30_000  # of all photos together, unless told: 1.5 GB of pixels at 128 px
FEATURE_WEIGHT = 3.0  # of the error of the copied features, beside that of the probabilities


@dataclass(frozen=True, slots=True)
class Teaching:
    """How a student learns from a teacher.

    Attributes:
        teacher: "name:version" of what the teacher's run has published.
        unlabelled: path of photos without labels, as given; empty for none.
        num_rounds: crops of each photo that the teacher answers for.
    """

    teacher: str
    unlabelled: str
    num_rounds: int

    METHOD: ClassVar[str] = "teaching"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, for the record of the run."""
        return {"method": self.METHOD, **asdict(self), "feature_weight": FEATURE_WEIGHT}


def rounds_for(num_photos: int) -> int:
    """Return the crops of each photo: many of few photos, at least two of many."""
    return min(16, max(2, NUM_VIEWS // max(1, num_photos)))
