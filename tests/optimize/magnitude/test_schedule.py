import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from optimize.magnitude.schedule import one_shot_schedule, polynomial_schedule


def updates(schedule, num_steps: int) -> dict[int, float]:
    """Steps at which masks are updated, with the sparsity that they then have; steps count from 1."""
    found = {}
    for step in range(1, num_steps + 1):
        is_due, sparsity = schedule(tf.constant(step, tf.int64))
        if is_due:
            found[step] = float(sparsity)
    return found


def test_sparsity_is_a_polynomial_of_the_step():
    found = updates(polynomial_schedule(0.8, 10, begin=0.2, end=0.6, power=3.0), 10)
    expected = {step: 0.8 * (1 - (1 - (step - 2) / 4) ** 3) for step in range(2, 7)}
    assert list(found) == list(expected)
    np.testing.assert_allclose(list(found.values()), list(expected.values()), atol=1e-6)


def test_power_1_is_a_straight_line():
    found = updates(polynomial_schedule(0.5, 10, begin=0.0, end=1.0, power=1.0), 10)
    np.testing.assert_allclose(list(found.values()), np.linspace(0.05, 0.5, 10), atol=1e-6)


@given(
    num_steps=st.integers(1, 100_000),
    begin=st.floats(0, 0.99),
    width=st.floats(0.01, 1),
    power=st.floats(0.5, 5),
    sparsity=st.floats(0, 0.99),
)
def test_the_last_update_has_exactly_the_wanted_sparsity(num_steps, begin, width, power, sparsity):
    schedule = polynomial_schedule(sparsity, num_steps, begin=begin, end=min(1.0, begin + width), power=power)
    is_due, found = schedule(tf.constant(schedule.end_step, tf.int64))
    assert is_due
    assert float(found) == pytest.approx(sparsity, abs=1e-7)
    assert schedule.begin_step < schedule.end_step <= num_steps


@settings(max_examples=20)
@given(num_steps=st.integers(2, 15), power=st.floats(0.5, 5))
def test_sparsity_never_falls(num_steps, power):
    found = list(updates(polynomial_schedule(0.9, num_steps, begin=0.0, end=0.7, power=power), num_steps).values())
    assert found == sorted(found)


def test_one_shot_is_in_the_first_step_and_never_again():
    assert updates(one_shot_schedule(0.8), 300) == {1: pytest.approx(0.8)}
