"""The population stability index, against figures that can be computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from server.drift import class_bins, index_by_chance, stability_index


def test_index_of_two_bins_is_that_of_the_definition():
    expected, actual = np.array([99, 299]), np.array([299, 99])  # with half an image more, about 1/4 and 3/4
    assert stability_index(expected, actual) == pytest.approx(math.log(3), abs=0.01)
    assert stability_index(expected, expected) == 0
    assert stability_index(expected, 10 * expected) == pytest.approx(0, abs=1e-4)


def test_bin_that_is_empty_is_no_infinity():
    assert 1 < stability_index(np.array([100, 0]), np.array([50, 50])) < 3


def test_index_by_chance_is_what_draws_of_one_distribution_give():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(20, 5.0))
    pairs = [(rng.multinomial(2000, shares), rng.multinomial(500, shares)) for _ in range(300)]
    found = np.mean([stability_index(*pair) for pair in pairs])
    assert found == pytest.approx(index_by_chance(*pairs[0]), rel=0.15)


@pytest.mark.parametrize("num_classes", [1, 20, 21, 1000])
def test_bins_of_classes_are_few_and_about_as_large(num_classes):
    expected = np.full(num_classes, 50)
    starts = class_bins(expected)
    sizes = np.add.reduceat(expected, starts)
    assert len(starts) == min(num_classes, 20)
    assert starts[0] == 0
    assert sizes.sum() == expected.sum()
    assert sizes.max() <= 2 * sizes.min()


def test_bins_hold_every_class_where_one_is_expected_nearly_always():
    expected = np.array([0] * 50 + [10_000] + [1] * 50)
    starts = class_bins(expected)
    assert starts[0] == 0
    assert len(set(starts.tolist())) == len(starts)
    assert np.add.reduceat(expected, starts).sum() == expected.sum()
