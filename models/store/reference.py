"""Names a model, or one version of it, as people write it: NAME or NAME:VERSION."""

from __future__ import annotations

from dataclasses import dataclass

from models.store.fields import VERSION, validate_name, validate_version


@dataclass(frozen=True, slots=True)
class ModelReference:
    """The name of a model's version, or of its stable version at any time.

    Attributes:
        name: of the model.
        version: None for the stable one.

    Raises:
        ValueError: the name or version is malformed.
    """

    name: str
    version: int | None = None

    def __post_init__(self) -> None:
        validate_name(self.name)
        if self.version is not None:
            validate_version(self.version)

    @classmethod
    def parse(cls, text: str) -> ModelReference:
        """Read NAME or NAME:VERSION; ValueError for any other text."""
        name, colon, version = text.partition(":")
        if not colon:
            return cls(name)
        if not VERSION.fullmatch(version):
            raise ValueError(f"a version must be a whole number >= 1, got {version!r} in {text!r}")
        return cls(name, int(version))

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}:{self.version}"
