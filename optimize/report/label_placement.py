"""Where to write the names of points in a plot, so that no two overlap and none covers a point."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_DISTANCES = (9.0, 13.0, 18.0, 25.0, 34.0, 46.0, 62.0, 84.0, 112.0, 150.0, 200.0, 270.0)
_NUM_ANGLES = 24
_CROSSING = 30.0  # how much farther a name may stand rather than cross a line


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        """Whether they have more than an edge in common."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def contains(self, other: Box) -> bool:
        """Whether the other lies within, edges included."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """The point of this box that is closest to a point."""
        return min(max(x, self.left), self.right), min(max(y, self.top), self.bottom)


@dataclass(frozen=True, slots=True)
class Name:
    """A name to be placed: size of its text, and its point."""

    x: float
    y: float
    width: float
    height: float


def place(names: Sequence[Name], *, area: Box, marks: Sequence[Box], lines: Sequence[Box]) -> list[Box | None]:
    """Find a box for each name, near its point.

    Args:
        names: the first chooses first.
        area: that no box leaves.
        marks: that no box covers: the points themselves.
        lines: better not crossed: segments as boxes without width or height.

    Returns:
        For each name its box, or None where there is no room for it.
    """
    placed: list[Box] = []
    leaders: list[Box] = []
    found: list[Box | None] = []
    for name in names:
        others = [mark for mark in marks if mark.nearest(name.x, name.y) != (name.x, name.y)]
        free = [
            (box, _cost(name, box, [*lines, *leaders], [*placed, *others]))
            for box in _around(name)
            if area.contains(box) and not any(box.overlaps(taken) for taken in [*placed, *marks])
        ]
        best = min(free, key=lambda option: option[1])[0] if free else None
        if best is not None:
            placed.append(best)
            leaders += _leader(name, best)
        found.append(best)
    return found


def _around(name: Name) -> Iterator[Box]:
    for distance in _DISTANCES:
        for step in range(_NUM_ANGLES):
            angle = 2 * math.pi * step / _NUM_ANGLES
            across, down = math.cos(angle), math.sin(angle)
            x = name.x + across * (distance + name.width / 2)
            y = name.y + down * (distance + name.height / 2)
            yield Box(x - name.width / 2, y - name.height / 2, x + name.width / 2, y + name.height / 2)


def _cost(name: Name, box: Box, lines: Sequence[Box], taken: Sequence[Box]) -> float:
    x, y = box.nearest(name.x, name.y)
    crossed = sum(box.overlaps(_widened(line)) for line in lines)
    crossed += sum(dot.overlaps(other) for dot in _leader(name, box) for other in taken)
    return math.hypot(x - name.x, y - name.y) + _CROSSING * crossed


def _leader(name: Name, box: Box) -> list[Box]:
    """The line from a point to its name, as dots."""
    x, y = box.nearest(name.x, name.y)
    dots = [(name.x + (x - name.x) * part / 8, name.y + (y - name.y) * part / 8) for part in range(1, 8)]
    return [_widened(Box(dot_x, dot_y, dot_x, dot_y)) for dot_x, dot_y in dots]


def _widened(line: Box) -> Box:
    return Box(line.left - 1, line.top - 1, line.right + 1, line.bottom + 1)
