"""Measures how far the answers given lately are from those that a version gave to its validation images.

The population stability index: the sum of (a - e) ln(a / e) over bins, a and e being the shares of the actual and the
expected (N. Siddiqi, Credit Risk Scorecards, 2006, who takes 0.1 to 0.25 for some change and more for a great one). It
is the symmetric divergence of Kullback and Leibler (1951). Of n and m draws from one distribution in k bins it is
(k - 1) (1 / n + 1 / m) on average (B. Yurdakul, Statistical Properties of Population Stability Index, 2018).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MAX_BINS = 20  # of classes: with more, chance alone would look like drift for thousands of images
SMOOTHING = 0.5  # images added to each bin of both, for one that is empty would make the index infinite

Counts = npt.NDArray[np.int64]


def stability_index(expected: Counts, actual: Counts) -> float:
    """Return the population stability index of numbers of images by bin, [K] each."""
    shares = [(counts + SMOOTHING) / (counts.sum() + SMOOTHING * len(counts)) for counts in (expected, actual)]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def index_by_chance(expected: Counts, actual: Counts) -> float:
    """Return the index that as many images have on average where nothing has changed."""
    return float((len(expected) - 1) * (1 / expected.sum() + 1 / actual.sum()))


def class_bins(expected: Counts) -> Counts:
    """Group neighbouring classes into at most MAX_BINS bins of about the same number of expected images.

    Returns:
        The first class of each bin, ascending, for `numpy.add.reduceat`.
    """
    if len(expected) <= MAX_BINS:
        return np.arange(len(expected))
    before = np.cumsum(expected) - expected
    return np.unique(np.searchsorted(before, np.arange(MAX_BINS) * expected.sum() / MAX_BINS))
