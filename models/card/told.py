"""Reads what a manifest tells in free JSON: what is of another form than ours is as if it were not told."""

from __future__ import annotations

from typing import Any

MAX_TEXT_CHARACTERS = 500


def mapping(value: object) -> dict[str, Any]:
    """Return a JSON object, and an empty one for all else."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    """Return a list, and an empty one for all else."""
    return value if isinstance(value, list) else []


def text(value: object) -> str | None:
    """Return a text, cut where it is very long; None for all else."""
    return value[:MAX_TEXT_CHARACTERS] if isinstance(value, str) and value else None


def whole(value: object) -> int | None:
    """Return a whole number >= 0; None for all else."""
    return value if type(value) is int and 0 <= value < 2**53 else None


def fraction(value: object) -> float | None:
    """Return a number in [0, 1]; None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 1 else None


def interval(value: object) -> list[float] | None:
    """Return the two ends of an interval of a fraction; None for all else."""
    ends = [fraction(end) for end in sequence(value)]
    return [end for end in ends if end is not None] if len(ends) == 2 and None not in ends else None
