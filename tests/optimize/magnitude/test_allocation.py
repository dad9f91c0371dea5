"""Zeros go where they cost least."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimize.magnitude.allocation import allocate_zeros

LEVELS = (0.0, 0.5, 0.75, 1.0)


def test_layer_that_loses_less_gets_more_zeros() -> None:
    losses = {"a": (0, 1, 3, 9), "b": (0, 2, 8, 20)}
    # In steps of 25 zeros a costs 0.5, 0.5, 2 and 6, b 1, 1, 6 and 12.
    assert allocate_zeros({"a": 100, "b": 100}, losses, LEVELS, 50) == {"a": 50, "b": 0}
    assert allocate_zeros({"a": 100, "b": 100}, losses, LEVELS, 110) == {"a": 60, "b": 50}
    assert allocate_zeros({"a": 100, "b": 100}, losses, LEVELS, 200) == {"a": 100, "b": 100}


def test_size_of_a_layer_counts() -> None:
    losses = {"large": (0, 1, 3, 9), "small": (0, 1, 3, 9)}
    assert allocate_zeros({"large": 1000, "small": 10}, losses, LEVELS, 500) == {"large": 500, "small": 0}


def test_level_above_the_line_between_its_neighbours_is_passed_over() -> None:
    losses = {"bent": (0, 4, 4, 4), "straight": (0, 3, 4.5, 6)}
    # The whole of bent costs 4 for 100 zeros, though its first half would cost as much.
    assert allocate_zeros({"bent": 100, "straight": 100}, losses, LEVELS, 100) == {"bent": 100, "straight": 0}


def test_line_that_bends_back_a_little_counts_as_straight() -> None:
    losses = {"bent": (0, 6, 8, 10), "straight": (0, 5.5, 8.25, 11)}
    assert allocate_zeros({"bent": 100, "straight": 100}, losses, LEVELS, 100) == {"bent": 100, "straight": 0}


def test_more_zeros_than_the_last_level_has_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 75% of a layer's weights"):
        allocate_zeros({"a": 100}, {"a": (0, 1, 2)}, LEVELS[:3], 76)


sizes = st.lists(st.integers(8, 500), min_size=1, max_size=5)  # fewer weights than levels would round to one corner


@given(sizes=sizes, part=st.floats(0, 1), seed=st.integers(0, 1000))
def test_all_zeros_are_allocated_and_no_even_allocation_is_cheaper(sizes: list[int], part: float, seed: int) -> None:
    num_weights = {str(index): size for index, size in enumerate(sizes)}
    rises = np.sort(np.random.default_rng(seed).exponential(size=(len(sizes), 3)), axis=1) * np.diff(LEVELS)
    losses = {name: np.cumsum([0.0, *rise]) for name, rise in zip(num_weights, rises, strict=True)}
    num_zeros = round(part * sum(sizes))
    found = allocate_zeros(num_weights, losses, LEVELS, num_zeros)
    assert sum(found.values()) == num_zeros
    assert all(0 <= found[name] <= num for name, num in num_weights.items())

    def cost(allocated: dict[str, float]) -> float:
        corners = {name: np.round(np.array(LEVELS) * num) for name, num in num_weights.items()}
        return float(sum(np.interp(allocated[name], corners[name], losses[name]) for name in allocated))

    even = {name: num_zeros / sum(sizes) * num for name, num in num_weights.items()}
    assert cost(found) <= cost(even) + 1e-9
