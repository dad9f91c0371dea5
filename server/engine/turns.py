"""Whose turn it is among images that wait: alternately one of the smallest request, and the one that came first.

First come, first served alone would have a request with one image wait for all images of every request before it; the
smallest first alone would have one with many wait for ever while others come. Each has half of the turns instead. So an
image of the smallest request waits for at most as many others as there are of its size, twice, and no image waits for
more than twice as many as came before it, whatever comes after.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]


def in_turn(sizes: NDArray[np.uint64], *, is_oldest_first: bool) -> Indices:
    """Order images.

    Args:
        sizes: of the request of each, those that came first in front.
        is_oldest_first: whose the first turn is: the oldest image's, else that of the smallest request.

    Returns:
        The indices of all, the next one first.
    """
    by_age = np.arange(len(sizes))
    if len(sizes) < 2 or sizes.min() == sizes.max():
        return by_age
    by_size = np.argsort(sizes, kind="stable")
    orders = (by_age, by_size) if is_oldest_first else (by_size, by_age)
    turns = np.stack(orders, axis=1).ravel()
    _, first = np.unique(turns, return_index=True)
    return turns[np.sort(first)]
