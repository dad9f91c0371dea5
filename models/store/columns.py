"""Checks counts and tables of a manifest, whose JSON has a list for each column."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

Row = TypeVar("Row", bound=tuple[Any, ...])
MAX_COUNT = 2**53 - 1  # that every reader of JSON keeps


def count(value: object, what: str) -> int:
    """Return a whole number >= 0, unchanged; ValueError for all else."""
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise ValueError(f"{what} must be whole numbers >= 0, got {value!r}")
    return value


def fraction(value: object, what: str) -> float:
    """Return a number in [0, 1], unchanged; ValueError for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1 or not math.isfinite(value):
        raise ValueError(f"{what} must be a number in [0, 1], got {value!r}")
    return value


def validate_counts(values: Sequence[object], what: str, length: int) -> tuple[int, ...]:
    """Return so many whole numbers >= 0 as a tuple."""
    if len(values) != length:
        raise ValueError(f"{what} must have {length} numbers, got {len(values)}")
    return tuple(count(value, what) for value in values)


def to_columns(kind: type[Row], rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Return the columns of a table of named tuples."""
    names: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def from_columns(kind: type[Row], columns: object, what: str) -> tuple[Row, ...]:
    """Read the rows of a table; ValueError where a column is missing, unknown, no list, or longer than another."""
    names: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    if not isinstance(columns, Mapping) or columns.keys() != set(names):
        raise ValueError(f"{what} must have the columns {', '.join(names)}")
    lists = [columns[name] for name in names]
    if not all(isinstance(column, list) for column in lists) or len({len(column) for column in lists}) != 1:
        raise ValueError(f"the columns of {what} must be lists of the same length")
    return tuple(kind(*row) for row in zip(*lists, strict=True))
