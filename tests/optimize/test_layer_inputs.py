"""Moments of what layers read, on networks small enough to compute them by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tf_keras as keras
from hypothesis import given
from hypothesis import strategies as st

from models.network.normalization import normalize
from optimize.layer_inputs import (
    covariance,
    damped,
    input_moments,
    set_weight_matrix,
    solve_least_squares,
    weight_matrix,
)

pytestmark = pytest.mark.usefixtures("eager_module")

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 2), np.uint8)


def small_model() -> keras.Model:
    image = keras.Input((5, 4, 2))
    x = keras.layers.Conv2D(3, (3, 2), strides=2, padding="same", use_bias=False, name="conv")(image)
    logits = keras.layers.Dense(2, name="predictions")(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, logits)


def test_moments_are_those_of_what_the_classifier_reads() -> None:
    model = small_model()
    pooled = keras.Model(model.input, model.layers[-1].input).predict(normalize(PIXELS), verbose=0)
    rows = np.concatenate([pooled, np.ones((6, 1))], axis=1)
    found = input_moments(model, [PIXELS[:4], PIXELS[4:]], ["predictions"])
    np.testing.assert_allclose(found["predictions"], damped(rows.T @ rows / 6), rtol=1e-4, atol=1e-6)


def test_damping_is_a_hundredth_of_the_mean_moment_and_spares_the_bias() -> None:
    moments = np.array([[1.0, 2.0, 3.0], [2.0, 5.0, 4.0], [3.0, 4.0, 1.0]])
    np.testing.assert_allclose(damped(moments) - moments, np.diag([0.03, 0.03, 0.0]), atol=1e-12)
    np.testing.assert_allclose(damped(np.diag([0.0, 0.0, 1.0])), np.diag([1e-9, 1e-9, 1.0]))


def test_moments_of_a_convolution_give_the_mean_square_of_its_outputs() -> None:
    model = small_model()
    outputs = keras.Model(model.input, model.get_layer("conv").output).predict(normalize(PIXELS), verbose=0)
    moments, weights = input_moments(model, [PIXELS], ["conv"])["conv"], weight_matrix(model.get_layer("conv"))
    assert weights.shape == (3 * 2 * 2 + 1, 3)
    added = (damped(moments) - moments)[
        0, 0
    ] / 1.01  # to each input: damping is a part of moments that it raised itself
    found = np.diag(weights.T @ moments @ weights) - added * np.sum(weights[:-1] ** 2, axis=0)
    np.testing.assert_allclose(found, np.mean(outputs**2, axis=(0, 1, 2)), rtol=1e-4)


def test_covariance_is_that_of_the_inputs_about_their_means() -> None:
    inputs = np.random.default_rng(1).normal(3.0, 2.0, (50, 4))
    rows = np.concatenate([inputs, np.ones((50, 1))], axis=1)
    np.testing.assert_allclose(covariance(rows.T @ rows / 50), np.cov(inputs, rowvar=False, bias=True))


def test_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one image"):
        input_moments(small_model(), [], ["conv"])


@pytest.mark.parametrize("name", ["conv", "predictions"])
def test_weights_go_into_a_matrix_and_back(name: str) -> None:
    layer = small_model().get_layer(name)
    before = layer.get_weights()
    matrix = weight_matrix(layer)
    set_weight_matrix(layer, 2 * matrix)
    for weight, found in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_allclose(found, 2 * weight)


def test_input_that_repeats_another_one_is_not_missed() -> None:
    inputs = np.random.default_rng(1).normal(size=(50, 3))
    rows = np.concatenate([inputs, inputs[:, :1], np.ones((50, 1))], axis=1)  # the fourth is the first
    weights = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 10.0]])
    found = solve_least_squares(rows.T @ rows, weights, np.array([0, 1, 2, 4]))
    np.testing.assert_allclose(found, [[8.0, 10.0], [3.0, 4.0], [5.0, 6.0], [9.0, 10.0]])


@given(seed=st.integers(0, 2**32 - 1), num_kept=st.integers(1, 5))
def test_no_other_weights_come_nearer_to_the_outputs(seed: int, num_kept: int) -> None:
    rng = np.random.default_rng(seed)
    rows, weights = rng.normal(size=(40, 6)), rng.normal(size=(6, 2))
    kept = np.sort(rng.choice(6, num_kept, replace=False))
    found = solve_least_squares(rows.T @ rows, weights, kept)
    others = found + rng.normal(size=found.shape) * 10.0 ** rng.uniform(-3, 0)

    def distance(candidate: np.ndarray) -> float:
        return float(np.sum((rows @ weights - rows[:, kept] @ candidate) ** 2))

    assert distance(found) <= distance(others)


def test_layer_that_reads_nothing_but_zeros_can_still_be_solved() -> None:
    model = small_model()
    model.get_layer("conv").set_weights([np.zeros((3, 2, 2, 3))])
    moments = input_moments(model, [PIXELS], ["predictions"])["predictions"]
    weights = weight_matrix(model.get_layer("predictions"))
    np.testing.assert_allclose(solve_least_squares(moments, weights, np.array([0, 3])), weights[[0, 3]])
