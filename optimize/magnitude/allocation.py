"""Allocates zeros to layers, so that all layers together lose least."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise


def allocate_zeros(
    num_weights: Mapping[str, int], losses: Mapping[str, Sequence[float]], levels: Sequence[float], num_zeros: int
) -> dict[str, int]:
    """Allocate zeros to layers for the least sum of their losses, which are linear between the levels.

    Args:
        num_weights: of each layer, by its name.
        losses: of each layer at every level.
        levels: fractions of zeros, rising from 0.
        num_zeros: to be allocated.

    Returns:
        The number of zeros of each layer, by its name; their sum is `num_zeros`.

    Raises:
        ValueError: there are more than all layers have at the last level.
    """
    zeros = {name: [round(level * num) for level in levels] for name, num in num_weights.items()}
    if num_zeros > sum(each[-1] for each in zeros.values()):
        raise ValueError(f"at most {levels[-1]:.0%} of a layer's weights can be made zero at once")
    steps = [(slope, name, num) for name in zeros for slope, num in _steps(zeros[name], losses[name])]
    allocated = dict.fromkeys(num_weights, 0)
    for _, name, num in sorted(steps, key=lambda step: step[0]):
        num_given = min(num, num_zeros)
        allocated[name] += num_given
        num_zeros -= num_given
    return allocated


def _steps(zeros: Sequence[int], losses: Sequence[float]) -> Iterator[tuple[float, int]]:
    """Yield (loss per zero, number of zeros) between the corners of a curve's lower convex hull; slopes rise."""
    hull: list[tuple[int, float]] = []
    for point in zip(zeros, losses, strict=True):
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) >= _slope(hull[-1], point):
            hull.pop()
        hull.append(point)
    for start, end in pairwise(hull):
        yield _slope(start, end), end[0] - start[0]


def _slope(start: tuple[int, float], end: tuple[int, float]) -> float:
    return (end[1] - start[1]) / max(1, end[0] - start[0])
