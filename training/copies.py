"""Finds photos that are there more than once: the same bytes, or the same picture saved, scaled or edited again.

A picture is known by the differences of brightness and colour between neighbours in a grid of 8 x 8, as by difference
hashes. Their signs put it into buckets, and only those of one bucket are compared (bit sampling: Indyk and Motwani,
STOC 1998), so that 100,000 photos take seconds; the differences themselves decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

THUMBNAIL_PX = 24

# Of 2,500 photos of tf_flowers, the ten pairs past this cosine are one picture twice, or one scene within seconds; the
# first pair of different flowers has 0.917. Of 300 of them, saved anew as a JPEG of quality 10, scaled by 1/2 or 2, or
# made brighter or darker by 20 %, 297 or more are found; with a border of 2.5 % cut off, 270.
_LEAST_COSINE = 0.95
# The cosine of the differences of brightness in 12 x 12 cells, where one of the two may be cut: of changed photos of
# tf_flowers it is 0.90 and more, of one scene within seconds 0.878; of nine in ten pairs of different digits, less.
_LEAST_FINE_COSINE = 0.87
_FINE_GRID = 12
_CUTS = (0.02, 0.04)  # of the width and height, on each side
_GRID = 8
_LEVELS = 2.0  # a smaller difference, of 255, is noise
_NUM_TABLES, _NUM_BITS, _MAX_NEIGHBOURS = 40, 20, 64
_MAX_BITS_APART = 24

Floats = npt.NDArray[np.float32]
Thumbnails = npt.NDArray[np.uint8]
Pairs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Copies:
    """Groups of photos that are one picture.

    Attributes:
        group: int64 [N], of each photo the index of the first photo of its group; its own where it has no copy.
        num_alike: photos in groups so large that they are more likely different, of one thing before one camera; they
            are no copies.
    """

    group: npt.NDArray[np.int64]
    num_alike: int = 0


def find_copies(digests: Sequence[str], thumbnails: Thumbnails) -> Copies:
    """Group photos that are copies of each other.

    Args:
        digests: of the bytes of each photo.
        thumbnails: uint8 [N, THUMBNAIL_PX, THUMBNAIL_PX, 3], each the whole photo.
    """
    first: dict[str, int] = {}
    same = np.array([first.setdefault(digest, index) for index, digest in enumerate(digests)], np.int64)
    distinct = np.unique(same)
    pairs = distinct[near_pairs(thumbnails[distinct])] if len(distinct) > 1 else np.empty((0, 2), np.int64)
    group = joined(np.arange(len(same)), pairs)
    sizes = np.bincount(group[distinct], minlength=len(same))
    is_alike = sizes[group] > max(16, len(distinct) // 20)
    group = np.where(is_alike, np.arange(len(same)), group)
    return Copies(group[same], int(is_alike[distinct].sum()))


def joined(group: npt.NDArray[np.int64], pairs: Pairs) -> npt.NDArray[np.int64]:
    """Join what pairs connect; each gets the least index that it is connected with."""
    while True:
        joined = group.copy()
        for left, right in ((0, 1), (1, 0)):
            np.minimum.at(joined, pairs[:, left], group[pairs[:, right]])
        joined = joined[joined]
        if (joined == group).all():
            return group
        group = joined


def near_pairs(thumbnails: Thumbnails) -> Pairs:
    """Find the pairs, int64 [M, 2], whose differences have the cosines that copies have, coarse and fine."""
    differences, bits = _describe(thumbnails)
    pairs = np.unique(np.concatenate([np.empty((0, 2), np.int64), *_candidates(bits)]), axis=0)
    cosines = np.concatenate(
        [np.empty(0, np.float32)]
        + [
            np.einsum("ij,ij->i", differences[part[:, 0]], differences[part[:, 1]])
            for part in np.array_split(pairs, len(pairs) // 100_000 + 1)
        ]
    )
    pairs = pairs[cosines >= _LEAST_COSINE]
    parts = np.array_split(pairs, len(pairs) // 2000 + 1)
    brightness = ((thumbnails[side].mean(3, dtype=np.float32) for side in part.T) for part in parts)
    copies: Pairs = pairs[np.concatenate([_is_alike(*sides) for sides in brightness])]
    return copies


def _is_alike(left: Floats, right: Floats) -> npt.NDArray[np.bool_]:
    """Tell of pairs [N, THUMBNAIL_PX, THUMBNAIL_PX] which are one picture, that may be cut at its borders."""
    is_alike = _fine_cosines(left, right) >= _LEAST_FINE_COSINE
    for part in _CUTS:
        rest = np.flatnonzero(~is_alike)
        for whole, cut in ((left[rest], right[rest]), (right[rest], left[rest])):
            is_alike[rest] |= _fine_cosines(_without_border(whole, part), cut) >= _LEAST_FINE_COSINE
    return is_alike


def _fine_cosines(left: Floats, right: Floats) -> Floats:
    ours, theirs = (_between_neighbours(_in_cells(side[..., None], _FINE_GRID)) for side in (left, right))
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    cosines: Floats = np.einsum("ij,ij->i", ours, theirs) / np.maximum(lengths, 1e-6)
    return cosines


def _without_border(pictures: Floats, part: float) -> Floats:
    """Cut a part of width and height off each side, and scale to the same size, by linear interpolation."""
    at = (np.arange(THUMBNAIL_PX) + 0.5) * (1 - 2 * part) + part * THUMBNAIL_PX - 0.5
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(THUMBNAIL_PX))).astype(np.float32)
    scaled: Floats = weights @ pictures @ weights.T
    return scaled


def _describe(thumbnails: Thumbnails) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the differences between neighbours, of length 1, float32 [N, D], and the signs of those of brightness."""
    all_differences, all_bits = [], []
    for part in np.array_split(thumbnails, len(thumbnails) // 10_000 + 1):  # a float is four bytes
        grid = _in_cells(part, _GRID)
        differences = _between_neighbours(grid)
        differences /= np.maximum(np.linalg.norm(differences, axis=1, keepdims=True), 1e-6)
        all_differences.append(differences)
        all_bits.append(_between_neighbours(grid.mean(3, keepdims=True)) > _LEVELS)
    return np.concatenate(all_differences), np.concatenate(all_bits)


def _in_cells(pictures: Thumbnails | Floats, num_cells: int) -> Floats:
    side = THUMBNAIL_PX // num_cells
    cells: Floats = pictures.reshape(len(pictures), num_cells, side, num_cells, side, pictures.shape[3]).mean(
        (2, 4), dtype=np.float32
    )
    return cells


def _between_neighbours(grid: Floats) -> Floats:
    across, down = grid[:, :, 1:] - grid[:, :, :-1], grid[:, 1:] - grid[:, :-1]
    return np.concatenate([part.reshape(len(grid), np.prod(part.shape[1:])) for part in (across, down)], axis=1)


def _candidates(bits: npt.NDArray[np.bool_]) -> Iterator[Pairs]:
    """Yield pairs, the lesser index first, that agree in some of the bits and differ in few."""
    packed = np.packbits(bits, axis=1)
    rng = np.random.default_rng(0)
    for _ in range(_NUM_TABLES):
        chosen = rng.choice(bits.shape[1], _NUM_BITS, replace=False)
        keys = bits[:, chosen] @ (1 << np.arange(_NUM_BITS))
        order = np.lexsort((*packed.T, keys))  # within a bucket the like ones side by side
        keys = keys[order]
        for step in range(1, _MAX_NEIGHBOURS + 1):
            at = np.flatnonzero(keys[step:] == keys[:-step])
            if not len(at):
                break
            pairs = np.stack([order[at], order[at + step]], axis=1)
            apart = np.bitwise_count(packed[pairs[:, 0]] ^ packed[pairs[:, 1]]).sum(1)
            yield np.sort(pairs[apart <= _MAX_BITS_APART], axis=1)
