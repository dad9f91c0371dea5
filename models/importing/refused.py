"""The error that a foreign model is refused with."""

from __future__ import annotations

from typing import ClassVar

from models.errors import ArtifactError


class ForeignModelRefused(ArtifactError):
    """A foreign file is broken, not safe to run, or no classifier of pictures; the text says what is allowed."""

    code: ClassVar[str] = "foreign_model_refused"
