"""Zeros where the other weights can make up for them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimize.magnitude.second_order import BLOCK_ROWS, part_lost, sparsegpt_pass, with_zeros

NUM_INPUTS, NUM_OUTPUTS = 72, 5


def moments_of(inputs: np.ndarray) -> np.ndarray:
    rows = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
    return rows.T @ rows / len(rows)


def correlated_inputs(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(500, NUM_INPUTS)) @ rng.normal(size=(NUM_INPUTS, NUM_INPUTS)) + rng.normal(size=NUM_INPUTS)


def random_weights(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(NUM_INPUTS + 1, NUM_OUTPUTS))


@pytest.mark.parametrize("make", [sparsegpt_pass, with_zeros])
@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.873])
def test_kernel_has_exactly_the_wanted_zeros(make, sparsity: float) -> None:
    kernel = make(moments_of(correlated_inputs()), random_weights(), sparsity)[:NUM_INPUTS]
    assert np.sum(kernel == 0) == round(sparsity * kernel.size)


@pytest.mark.parametrize("make", [sparsegpt_pass, with_zeros])
def test_two_of_four_rows_are_zero_in_every_column(make) -> None:
    kernel = make(moments_of(correlated_inputs()), random_weights(), 0.5, pattern="2:4")[:NUM_INPUTS]
    np.testing.assert_array_equal(np.sum(kernel.reshape(-1, 4, NUM_OUTPUTS) == 0, axis=1), 2)


def test_where_inputs_say_nothing_of_each_other_the_smallest_of_a_block_go_and_the_rest_stay() -> None:
    weights = random_weights()[: BLOCK_ROWS + 1]
    found = with_zeros(np.eye(BLOCK_ROWS + 1), weights, 0.5)[:-1]
    kernel = weights[:-1]
    is_large = np.abs(kernel) > np.median(np.abs(kernel))
    np.testing.assert_allclose(found, np.where(is_large, kernel, 0), atol=1e-12)


def test_an_input_that_comes_twice_is_read_once() -> None:
    inputs = np.random.default_rng(2).normal(size=(200, 4))
    inputs[:, 3] = inputs[:, 0]
    moments = moments_of(inputs) + 1e-6 * np.diag([1.0, 1, 1, 1, 0])
    weights = np.array([[0.9], [1.0], [-1.0], [0.8], [0.5]])
    found = with_zeros(moments, weights, 0.25)
    np.testing.assert_allclose(found, [[0.0], [1.0], [-1.0], [1.7], [0.5]], atol=1e-4)


def test_what_goes_is_made_up_for() -> None:
    inputs, weights = correlated_inputs(), random_weights()
    moments = moments_of(inputs)
    kernel = weights[:-1]
    smallest = np.where(np.abs(kernel) > np.quantile(np.abs(kernel), 0.6), kernel, 0)
    found = part_lost(moments, weights, with_zeros(moments, weights, 0.6)[:-1])
    assert found < 0.5 * part_lost(moments, weights, smallest)


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), sparsity=st.floats(0, 0.95))
def test_solving_all_together_is_never_worse_than_the_pass_alone(seed: int, sparsity: float) -> None:
    moments, weights = moments_of(correlated_inputs(seed)), random_weights(seed + 1)
    after_pass = part_lost(moments, weights, sparsegpt_pass(moments, weights, sparsity))
    assert part_lost(moments, weights, with_zeros(moments, weights, sparsity)[:-1]) <= after_pass + 1e-9


def test_part_lost_is_of_the_variance_of_the_outputs() -> None:
    inputs, weights = correlated_inputs(), random_weights()
    kernel = weights[:-1] * np.random.default_rng(3).uniform(0.5, 1.5, (NUM_INPUTS, NUM_OUTPUTS))
    outputs, change = inputs @ weights[:-1], inputs @ (weights[:-1] - kernel)
    expected = np.sum(np.var(change, axis=0)) / np.sum(np.var(outputs, axis=0))
    assert part_lost(moments_of(inputs), weights, kernel) == pytest.approx(expected)


def test_layer_that_gives_nothing_loses_nothing() -> None:
    weights = np.zeros((NUM_INPUTS + 1, NUM_OUTPUTS))
    assert part_lost(moments_of(correlated_inputs()), weights, weights[:-1]) == 0


def test_of_inputs_that_tell_nothing_of_each_other_the_larger_two_of_every_four_weights_stay() -> None:
    kernel = np.random.default_rng(2).normal(size=(8, 3))
    found = sparsegpt_pass(np.eye(9), np.concatenate([kernel, np.zeros((1, 3))]), 0.5, pattern="2:4")
    fours = np.abs(kernel).reshape(2, 4, 3)
    is_large = (fours >= np.sort(fours, axis=1)[:, 2:3]).reshape(8, 3)
    np.testing.assert_allclose(found, np.where(is_large, kernel, 0.0))
