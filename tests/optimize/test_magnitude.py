import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from models.resnet_v2 import ResNetV2, build
from optimize.magnitude import MagnitudePruner, sparsity_of


def dense_model() -> keras.Model:
    image = keras.Input((4, 4, 1))
    x = keras.layers.Conv2D(8, 3)(image)
    model = keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    kernel = np.arange(1.0, 73.0).reshape(3, 3, 1, 8)
    model.layers[1].set_weights([kernel * np.where(np.arange(72).reshape(kernel.shape) % 2, 1, -1), np.zeros(8)])
    return model


def train(pruner: MagnitudePruner, num_steps: int) -> None:
    for step in range(num_steps):
        pruner.before_step(step)
        pruner.model(tf.zeros([1, 4, 4, 1]), training=True)


def test_the_smallest_weights_become_zero_and_the_rest_stay():
    model = dense_model()
    pruner = MagnitudePruner(model, sparsity=0.75, num_steps=20)
    train(pruner, 20)
    pruner.finish()
    kernel = np.abs(model.layers[1].get_weights()[0].ravel())
    np.testing.assert_array_equal(kernel, np.where(np.arange(1, 73) > 54, np.arange(1, 73), 0))
    assert sparsity_of(model) == pytest.approx(0.75, abs=0.01)


def test_sparsity_rises_and_never_falls():
    pruner = MagnitudePruner(dense_model(), sparsity=0.8, num_steps=50)
    found = []
    for step in range(50):
        pruner.before_step(step)
        pruner.model(tf.zeros([1, 4, 4, 1]), training=True)
        found.append(float(np.mean(pruner.model.layers[1].layer.kernel.numpy() == 0)))
    assert found == sorted(found)
    assert 0 < found[10] < found[25] < found[-1]


def test_gradient_steps_do_not_bring_pruned_weights_back():
    model = dense_model()
    pruner = MagnitudePruner(model, sparsity=0.5, num_steps=10)
    train(pruner, 10)
    kernel = model.layers[1].kernel
    kernel.assign_add(tf.ones_like(kernel))
    pruner.finish()
    assert np.mean(kernel.numpy() == 0) == 0.5


@pytest.mark.parametrize("sparsity", [-0.1, 1.0])
def test_sparsity_is_a_fraction(sparsity):
    with pytest.raises(ValueError, match=r"sparsity must be in \[0, 1\), got"):
        MagnitudePruner(dense_model(), sparsity=sparsity, num_steps=1)


def test_weight_standardized_networks_are_refused():
    model = build(ResNetV2.of("20", width=4, norm="group"))
    with pytest.raises(ValueError, match="weight standardization would undo the zeros"):
        MagnitudePruner(model, sparsity=0.5, num_steps=1)
