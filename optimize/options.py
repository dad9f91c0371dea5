"""Builds the options of a command from the fields of a dataclass, which state each default and each word once."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

Settings = TypeVar("Settings")


def option(
    help: str, *names: str, default: str | None = None, metavar: str | None = None, **details: Any
) -> dict[str, Any]:
    """Make the metadata of a field that is an option of a command.

    Args:
        help: what the option means; the field's default follows in brackets.
        names: of the option, such as "--data"; by default the field's. A name without dashes makes it positional.
        default: the words in the brackets, where the field's default is None and something else follows from that.
        metavar: stands for the value in the help.
        details: go to `add_argument` as they are.
    """
    return {"help": help, "names": names, "default": default, "details": {"metavar": metavar, **details}}


def add_options(parser: argparse.ArgumentParser, kind: type) -> None:
    """Add one option for each field of a dataclass; those not given are missing from the namespace."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        names = field.metadata["names"] or (f"--{field.name.replace('_', '-')}",)
        details = {**_reading(hints[field.name], field), **field.metadata["details"], "help": help_of(field)}
        if names[0].startswith("--"):
            details |= {"dest": field.name, "required": field.default is MISSING, "default": argparse.SUPPRESS}
        parser.add_argument(*names, **{name: value for name, value in details.items() if value is not None})


def from_options(kind: type[Settings], options: Mapping[str, Any]) -> Settings:
    """Make a dataclass of the options that have the names of its fields; the others keep their defaults."""
    names = {field.name for field in fields(kind)} & options.keys()  # type: ignore[arg-type]  # `kind` is a dataclass
    return kind(**{name: options[name] for name in names})


def help_of(field: Field[Any]) -> str:
    """Return the help of a field's option, which ends with its default."""
    default = field.metadata["default"]
    if default is None and not isinstance(field.default, bool) and field.default not in (MISSING, None, ()):
        default = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
    return f"{field.metadata['help']} ({default})" if default else field.metadata["help"]


def _reading(hint: Any, field: Field[Any]) -> dict[str, Any]:
    """Derive from a field's type how `add_argument` reads it."""
    if hint is bool:
        return {"action": "store_false" if field.default else "store_true"}
    if get_origin(hint) is Literal:
        return {"choices": get_args(hint)}
    if get_origin(hint) is tuple:
        return {"action": "append"}
    return {"type": next(iter(get_args(hint)), hint)}  # of `float | None` the first
