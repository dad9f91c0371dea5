"""Settings taken out of the parsed arguments of a command."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

Settings = TypeVar("Settings")


def take(kind: type[Settings], options: dict[str, Any]) -> Settings:
    """Make a dataclass of the options named as its fields, and remove them; those not given keep their defaults."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # `kind` is a dataclass
    return kind(**{name: options.pop(name) for name in names if name in options})
