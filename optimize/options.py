"""Settings of a method as arguments of a command, and taken out of what was parsed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Protocol, TypeVar

Settings = TypeVar("Settings")


class Arguments(Protocol):
    """A parser, or a group of its arguments."""

    def add_argument(self, *names: str, **details: Any) -> argparse.Action:
        """See argparse."""


def adder(arguments: Arguments) -> Callable[..., argparse.Action]:
    """What adds arguments that, if not given, are not in the namespace: their settings keep their defaults."""

    def add(*names: str, **details: Any) -> argparse.Action:
        return arguments.add_argument(*names, default=argparse.SUPPRESS, **details)

    return add


def take(kind: type[Settings], options: dict[str, Any]) -> Settings:
    """Make a dataclass of the options named as its fields, and remove them; those not given keep their defaults."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # `kind` is a dataclass
    return kind(**{name: options.pop(name) for name in names if name in options})
