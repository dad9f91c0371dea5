"""Architectures as manifests record them: their family, and their fields as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class Recorded:
    """An architecture whose fields are numbers, words, and tuples of numbers; None where a network has none of them.

    Attributes:
        family: the name that a manifest gives it.
    """

    family: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, for a manifest, without the fields that are None."""
        fields = {name: value for name, value in asdict(self).items() if value is not None}
        lists = {name: list(value) for name, value in fields.items() if isinstance(value, tuple)}
        return {"family": self.family, **fields, **lists}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read the JSON form; ValueError if it is of another family, or a field is missing, unknown or not allowed."""
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        if (family := fields.pop("family", None)) != cls.family:
            raise ValueError(f"family must be {cls.family!r}, got {family!r}")
        try:
            return cls(**fields)
        except TypeError as error:
            raise ValueError(f"not an architecture: {error}") from error
