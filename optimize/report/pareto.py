"""Find the models worth having: those that no other beats in both accuracy and cost."""

from __future__ import annotations

from collections.abc import Mapping


def frontier(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Name the points that no other beats, by rising cost.

    Args:
        points: name to cost (less is better) and accuracy (more is better). Of equal points the first is kept.
    """
    kept: list[str] = []
    best = float("-inf")
    for name, (_, accuracy) in sorted(points.items(), key=lambda point: (point[1][0], -point[1][1])):
        if accuracy > best:
            kept.append(name)
            best = accuracy
    return kept
