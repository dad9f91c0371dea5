"""The rows of the table of settings: how one is declared, which variable it is, and how it is read and printed."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import field, fields
from typing import Any

from server.kubernetes import is_service_variable

PREFIX = "OPSIN_"


class SettingsError(Exception):
    """An environment variable has a value that cannot be used; the text is one line and names the variable."""


def setting(
    default: Any, parse: Callable[[str], Any], meaning: str, *, default_text: str = "", is_secret: bool = False
) -> Any:
    """Describe one row of the table; a callable default is asked when the settings are made."""
    metadata = {
        "parse": parse,
        "meaning": meaning,
        "default": default_text or str(default),
        "is_secret": is_secret,  # never shown
    }
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def variable(name: str) -> str:
    """Name the environment variable of a field of the settings."""
    return PREFIX + name.upper()


def values_of(table: type[Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Read the fields of a table that are set; a variable that is empty counts as not set.

    Raises:
        SettingsError: a value cannot be used; says which variable, what it got and what is allowed.
    """
    values = {}
    for row in fields(table):
        text = environ.get(variable(row.name), "").strip()
        if text:
            try:
                values[row.name] = row.metadata["parse"](text)
            except ValueError as error:
                got = "something else" if row.metadata["is_secret"] else repr(text[:100])
                raise SettingsError(f"{variable(row.name)} must be {error}, got {got}") from None
    return values


def unknown_variables(table: type[Any], environ: Mapping[str, str]) -> list[str]:
    """Warn, one line each, of variables that look like ours but are none: most are spelling mistakes."""
    known = [variable(row.name) for row in fields(table)]
    warnings = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known and not is_service_variable(name, environ[name]):
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)
            warnings.append(f"{name} is no setting and has no effect; the nearest name is {nearest[0]}")
    return warnings


def printed(table: type[Any]) -> str:
    """Print a table: name, default and meaning of every setting."""
    lines = []
    for row in fields(table):
        lines.append(f"  {variable(row.name)}  (default: {row.metadata['default']})")
        lines.append(textwrap.fill(row.metadata["meaning"], 96, initial_indent=" " * 6, subsequent_indent=" " * 6))
    return "\n".join(lines)
