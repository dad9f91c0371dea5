"""What a manifest says of the training pictures that lie beside a model: how many, and whether they may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from models.store.fields import validate_text

MAX_EXAMPLES = 20_000


@dataclass(frozen=True, slots=True)
class Examples:
    """Pictures that a model has learned from.

    Attributes:
        num_images: at least one.
        licence: under which they are published, and who is to be named.
        may_be_shown: whoever made the index says that the licence allows it.

    Raises:
        ValueError: a field is malformed; the message names it.
    """

    num_images: int
    licence: str
    may_be_shown: bool

    def __post_init__(self) -> None:
        if type(self.num_images) is not int or not 1 <= self.num_images <= MAX_EXAMPLES:
            raise ValueError(
                f"examples.num_images must be a whole number from 1 to {MAX_EXAMPLES}, got {self.num_images!r}"
            )
        validate_text(self.licence, "examples.licence")
        if not isinstance(self.may_be_shown, bool):
            raise ValueError(f"examples.may_be_shown must be true or false, got {self.may_be_shown!r}")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Examples:
        """Read the JSON form; ValueError where a field is missing, unknown or malformed."""
        expected = {"num_images", "licence", "may_be_shown"}
        if values.keys() != expected:
            raise ValueError(f"examples must have the fields {', '.join(sorted(expected))}, got {sorted(values)}")
        return cls(**values)
