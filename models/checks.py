"""Checks of settings, whose messages name the field, its limit and the value."""

from __future__ import annotations

from collections.abc import Iterable


def at_least(minimum: float, **values: float) -> None:
    """Raise ValueError unless all values, named by their keywords, are numbers >= `minimum`."""
    for name, value in values.items():
        if not value >= minimum:  # which NaN is not either
            raise ValueError(f"{name} must be >= {minimum}, got {value}")


def within(interval: str, **values: float) -> None:
    """Raise ValueError unless all values, named by their keywords, lie in an interval such as "[0, 1)"."""
    low, high = (float(end) for end in interval[1:-1].split(","))
    for name, value in values.items():
        if not low <= value <= high or (value == low and interval[0] == "(") or (value == high and interval[-1] == ")"):
            raise ValueError(f"{name} must be in {interval}, got {value}")


def one_of(allowed: Iterable[str], **values: object) -> None:
    """Raise ValueError unless all values, named by their keywords, are among the allowed ones."""
    for name, value in values.items():
        if value not in (choices := tuple(allowed)):
            raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
