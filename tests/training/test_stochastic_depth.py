import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from training.stochastic_depth import with_stochastic_depth

pytestmark = pytest.mark.usefixtures("eager")

IMAGES = np.random.default_rng(0).normal(size=(2000, 1, 1, 2)).astype(np.float32)


def two_blocks() -> keras.Model:
    """Each block adds 1 to what it gets."""
    x = image = keras.Input([1, 1, 2])
    for name in ("first", "second"):
        branch = keras.layers.Conv2D(2, 1, kernel_initializer="zeros", bias_initializer="ones", name=name)(x)
        x = keras.layers.Add(name=f"{name}_out")([x, branch])
    return keras.Model(image, x)


def added(drop_rate: float, *, step: int = 0, training: bool = True) -> np.ndarray:
    model = with_stochastic_depth(two_blocks(), drop_rate, tf.Variable(step, dtype=tf.int64))
    return np.round(model(IMAGES, training=training).numpy() - IMAGES, 4)[:, 0, 0, 0]


def test_branches_are_left_out_more_often_the_deeper_and_count_more_where_they_are_not():
    values, counts = np.unique(added(0.5), return_counts=True)
    first, second = 1 / 0.75, 1 / 0.5
    np.testing.assert_allclose(values, [0, first, second, first + second], atol=1e-3)
    np.testing.assert_allclose(counts / 2000, [0.125, 0.375, 0.125, 0.375], atol=0.04)


def test_outside_of_training_every_branch_is_added():
    assert (added(0.5, training=False) == 2).all()


def test_the_step_says_which_branches_are_left_out():
    assert (added(0.5, step=3) == added(0.5, step=3)).all()
    assert (added(0.5, step=3) != added(0.5, step=4)).any()


def test_the_network_itself_keeps_its_layers_and_shares_its_weights():
    model = two_blocks()
    learning = with_stochastic_depth(model, 0.5, tf.Variable(0, dtype=tf.int64))
    model.get_layer("first").set_weights([np.zeros((1, 1, 2, 2)), np.full(2, 5.0)])
    assert learning.get_layer("first") is model.get_layer("first")
    assert isinstance(model.get_layer("first_out"), keras.layers.Add)
    np.testing.assert_allclose(model(IMAGES).numpy() - IMAGES, 6, atol=1e-5)
