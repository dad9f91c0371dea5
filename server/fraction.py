"""Fractions as clients write them."""

from __future__ import annotations

import re

_DECIMAL = re.compile(r"0?\.[0-9]{1,20}")


def fraction(text: str) -> float:
    """Read a decimal number between 0 and 1.

    Raises:
        ValueError: it is none, or 0 or 1; the text completes "... must be".
    """
    number = float(text) if _DECIMAL.fullmatch(text) else 0.0
    if not 0 < number < 1:
        raise ValueError("a decimal number between 0 and 1, such as 0.95")
    return number
