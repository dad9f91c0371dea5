"""Whole numbers as operators and clients write them."""

from __future__ import annotations

MAX_DIGITS = 20  # more would take Python long to convert


def whole_number(text: str, low: int, high: int) -> int:
    """Read a whole number in decimal digits.

    Raises:
        ValueError: it is not one from ``low`` to ``high``; the text completes "... must be".
    """
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None
    if number is None or not low <= number <= high:
        raise ValueError(f"a whole number from {low} to {high}")
    return number
