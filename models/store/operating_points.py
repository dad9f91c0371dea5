"""From which probability on an answer of a version is accepted: operating_points.json beside routing.json.

A published version never changes, and whoever uses it decides what sure enough means: so it stands, like the stable
version, in the model's folder, and not in the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import CorruptArtifact
from models.store.by_version import read_entries, write_entry
from models.store.columns import fraction
from models.store.fields import validate_text

OPERATING_POINTS_FILE = "operating_points.json"


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Thresholds of one version: an answer is accepted if the probability of its likeliest label is at least that.

    Attributes:
        thresholds: of each class, in the order of the labels; None accepts no answer that names it.
        asked: what they were chosen for, in words such as "precision 0.95".

    Raises:
        ValueError: a field is malformed; the message names it.
    """

    thresholds: tuple[float | None, ...]
    asked: str

    def __post_init__(self) -> None:
        validate_text(self.asked, "what an operating point was chosen for")
        for threshold in self.thresholds:
            if threshold is not None:
                fraction(threshold, "the thresholds of an operating point")

    def accepts(self, index: int, probability: float) -> bool:
        """Tell if an answer whose likeliest label is that of class `index` is accepted."""
        threshold = self.thresholds[index]
        return threshold is not None and probability >= threshold

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"asked": self.asked, "thresholds": list(self.thresholds)}

    @classmethod
    def from_dict(cls, values: object) -> OperatingPoint:
        """Read the JSON form; ValueError where a field is missing, unknown or malformed."""
        if not isinstance(values, Mapping) or values.keys() != {"asked", "thresholds"}:
            raise ValueError("an operating point must have the fields asked and thresholds")
        if not isinstance(values["thresholds"], list):
            raise ValueError("the thresholds of an operating point must be a list")
        return cls(tuple(values["thresholds"]), values["asked"])


def read_operating_point(folder: Path, version: int, num_classes: int) -> OperatingPoint | None:
    """Read the operating point of a version of the model in `folder`; None where none is set.

    Raises:
        CorruptArtifact: the file is malformed, or has a threshold too many or too few.
    """
    try:
        entry = read_entries(folder / OPERATING_POINTS_FILE).get(str(version))
        if entry is None:
            return None
        point = OperatingPoint.from_dict(entry)
        if len(point.thresholds) != num_classes:
            raise ValueError(f"the operating point of version {version} must have {num_classes} thresholds")
        return point
    except ValueError as error:
        raise CorruptArtifact(
            f"{OPERATING_POINTS_FILE} of model {folder.name!r} is corrupt: {error}; "
            f"`python -m models operating-point {folder.name}:{version} --clear` begins anew"
        ) from error


def write_operating_point(folder: Path, version: int, point: OperatingPoint | None) -> None:
    """Set the operating point of a version, or forget it, and keep those of the others; call it while `locked`."""
    write_entry(folder / OPERATING_POINTS_FILE, version, point.to_dict() if point else None)
