"""Draws images by class and by group of copies, so that a picture is never on both sides of a split."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def draw(targets: Indices, groups: Indices, fraction: float, seed: int | tuple[int, ...]) -> Indices:
    """Draw a part of each class, whole groups only, at least one group of it; each class keeps one.

    Args:
        targets: int64 [N], the class of each image.
        groups: int64 [N], the number of each image's group of copies; a group belongs to the class of its first image.
        fraction: of the images.
        seed: of the draw.

    Returns:
        Indices of the images drawn, int64 [M], sorted.
    """
    _, first, group, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    by_first = np.argsort(first)  # where no image has a copy, groups are images, in their order
    rng = np.random.default_rng(seed)
    drawn: list[int] = []
    for target in np.unique(targets):
        members = rng.permutation(by_first[targets[first[by_first]] == target])
        num_images = int(sizes[members].sum())
        most = max(1, round(fraction * len(members)))  # a class may have one picture often, and others once
        drawn += _fill(members.tolist(), sizes, max(1, round(fraction * num_images)), most)
    for target in np.unique(targets):
        if np.isin(group[targets == target], drawn).all():
            drawn.remove(group[np.argmax(targets == target)])  # all its images have copies in other classes
    return np.flatnonzero(np.isin(group, drawn))


def once_each(indices: Indices, groups: Indices) -> Indices:
    """Keep the first image of each group: a picture that is measured twice says no more.

    Args:
        indices: of images, int64 [M], sorted.
        groups: int64 [N], of all images.
    """
    return indices[np.sort(np.unique(groups[indices], return_index=True)[1])]


def _fill(members: list[int], sizes: Indices, wanted: int, most: int) -> list[int]:
    """Take groups, in order and not too many, of at most the wanted images; or the smallest one."""
    taken: list[int] = []
    left = wanted
    for member in members:
        if len(taken) < min(most, len(members) - 1) and sizes[member] <= left:
            taken.append(member)
            left -= int(sizes[member])
    return taken or sorted(members, key=lambda member: sizes[member])[: min(1, len(members) - 1)]
