"""Tells whether two versions differ by more than chance: in their errors, and in the classes that they answer.

Both tests are exact: given what both versions did together, they ask how often chance would deal it out so unevenly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

NUM_DRAWS = 9999  # so that the least p is 0.0001
SEED = 0  # the same counts have the same p


def more_errors_p(errors: int, total: int, *, stable_errors: int, stable_total: int) -> float:
    """Tell how likely so many of all errors are the canary's by chance, or more (Fisher's exact test, one-sided).

    Args:
        errors: of the canary, among its `total` answers.
        total: answers of the canary, errors included.
        stable_errors: of the stable version, among its `stable_total`.
        stable_total: as `total`.
    """
    every, wrong = total + stable_total, errors + stable_errors
    most = min(wrong, total)
    whole = _log_choose(every, total)
    return min(1.0, sum(math.exp(_log_ways(each, wrong, total, every) - whole) for each in range(errors, most + 1)))


def other_mix_p(counts: Mapping[str, int], stable_counts: Mapping[str, int]) -> float:
    """Tell how likely the classes of both versions are so far apart by chance.

    The statistic is G of the table of classes by version; its distribution is drawn, given how many answers there are
    of each class and version, so that classes with few answers do no harm (Monte Carlo permutation test).
    """
    names = sorted({*counts, *stable_counts})
    table = np.array([[of.get(name, 0) for name in names] for of in (counts, stable_counts)], np.int64)
    table = table[:, table.sum(0) > 0]
    if table.shape[1] < 2 or not table.sum(1).all():
        return 1.0
    together, num_answers = table.sum(0), int(table[0].sum())
    drawn = np.random.default_rng(SEED).multivariate_hypergeometric(
        together, num_answers, size=NUM_DRAWS, method="marginals"
    )
    statistics = _g(drawn, together)
    observed = _g(table[:1], together)[0]
    return float(1 + np.count_nonzero(statistics >= observed - 1e-9)) / (1 + NUM_DRAWS)


def mix_distance(counts: Mapping[str, int], stable_counts: Mapping[str, int]) -> float:
    """Measure how far apart the shares of the classes are: total variation distance, in [0, 1]."""
    total, stable_total = sum(counts.values()), sum(stable_counts.values())
    if not total or not stable_total:
        return 0.0
    names = {*counts, *stable_counts}
    return sum(abs(counts.get(name, 0) / total - stable_counts.get(name, 0) / stable_total) for name in names) / 2


def _g(rows: NDArray[np.int64], together: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute G, of tables whose first rows these are, up to what all tables of these sums share."""
    counts = np.stack([rows, together - rows]).astype(np.float64)
    statistics: NDArray[np.float64] = 2 * (counts * np.log(np.maximum(counts, 1))).sum(axis=(0, 2))
    return statistics


def _log_ways(errors: int, wrong: int, total: int, every: int) -> float:
    if total - errors > every - wrong:
        return -math.inf
    return _log_choose(wrong, errors) + _log_choose(every - wrong, total - errors)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
