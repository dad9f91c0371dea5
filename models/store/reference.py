"""How a model, or one version of it, is named wherever people name one: NAME or NAME:VERSION."""

from __future__ import annotations

import re
from dataclasses import dataclass

from models.store.fields import validate_name, validate_version

_VERSION = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class ModelReference:
    """A model's version, or the stable one, whichever that is from time to time.

    Attributes:
        name: of the model.
        version: None for the stable one.

    Raises:
        ValueError: such a name or version there cannot be.
    """

    name: str
    version: int | None = None

    def __post_init__(self) -> None:
        validate_name(self.name)
        if self.version is not None:
            validate_version(self.version)

    @classmethod
    def parse(cls, text: str) -> ModelReference:
        """Read NAME or NAME:VERSION; ValueError says what is wrong with another text."""
        name, colon, version = text.partition(":")
        if not colon:
            return cls(name)
        if not _VERSION.fullmatch(version):
            raise ValueError(f"a version must be a whole number >= 1, got {version!r} in {text!r}")
        return cls(name, int(version))

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}:{self.version}"
