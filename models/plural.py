"""Words a number of things: one, or several."""

from __future__ import annotations

from collections.abc import Sequence

MAX_LISTED = 20


def how_many(number: int, one: str, several: str = "") -> str:
    """Say "1 file", "2 files", "1,804 photos"; `several` is the plural where it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def listed(things: Sequence[object]) -> str:
    """List things, of many the last."""
    text = ", ".join(str(thing) for thing in things[-MAX_LISTED:])
    return f"... {text}" if len(things) > MAX_LISTED else text


def short(name: str) -> str:
    """Quote a name, of a long one its begin."""
    return repr(name if len(name) <= 80 else f"{name[:80]}...")
