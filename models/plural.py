"""Words a number of things: one, or several."""

from __future__ import annotations


def how_many(number: int, one: str, several: str = "") -> str:
    """Say "1 file", "2 files", "1,804 photos"; `several` is the plural where it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"
