import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from models.network.layers import GroupNormalization, WeightStandardizedConv2D, standardized


def test_group_normalization_is_the_function_of_keras():
    ours, theirs = GroupNormalization(4, epsilon=1e-5), keras.layers.GroupNormalization(4, epsilon=1e-5)
    images = tf.constant(np.random.default_rng(0).normal(3.0, 2.0, (2, 6, 5, 12)), tf.float32)
    ours(images), theirs(images)
    weights = [np.linspace(0.5, 2, 12), np.linspace(-1, 1, 12)]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    np.testing.assert_allclose(ours(images), theirs(images), atol=1e-5)


def test_group_normalization_refuses_groups_that_do_not_divide_the_channels():
    with pytest.raises(ValueError, match=r"must divide the number of channels \(10\), got 4"):
        GroupNormalization(4, epsilon=1e-5)(tf.zeros([1, 2, 2, 10]))


def test_standardized_kernel_has_mean_0_and_variance_1_over_all_that_an_output_reads():
    kernel = tf.constant(np.random.default_rng(0).normal(3.0, 2.0, (3, 3, 4, 5)), tf.float32)
    found = standardized(kernel).numpy().reshape(36, 5)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(found.var(axis=0), 1, atol=1e-4)
    np.testing.assert_allclose(np.corrcoef(found[:, 0], kernel.numpy().reshape(36, 5)[:, 0])[0, 1], 1, atol=1e-5)


def test_weight_standardization_ignores_scale_and_offset_of_the_kernel():
    layer = WeightStandardizedConv2D(5, 3, use_bias=False)
    images = tf.constant(np.random.default_rng(0).normal(size=(1, 8, 8, 4)), tf.float32)
    before = layer(images)
    layer.set_weights([3.0 * layer.get_weights()[0] + 0.7])
    np.testing.assert_allclose(layer(images), before, atol=1e-4)
