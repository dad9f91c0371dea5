import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from models.network.float16 import MAX_FLOAT16, in_float16
from models.network.layers import WeightStandardizedConv2D
from models.network.normalization import normalize
from models.network.resnet_v2 import ResNetV2, build

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)


def small_model(norm="batch", *, variant="8"):
    keras.utils.set_random_seed(0)
    return build(ResNetV2.of(variant, width=8, norm=norm))


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_gives_nearly_the_logits_of_the_model(norm):
    model = small_model(norm, variant="20")
    expected = model(normalize(PIXELS), training=False).numpy()
    found = in_float16(model)(normalize(PIXELS), training=False).numpy()
    assert found.dtype == np.float32
    # Eleven bits a rounding, some twenty layers deep.
    np.testing.assert_allclose(found, expected, atol=0.005 * np.abs(expected).max())


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_convolutions_are_float16_and_statistics_and_head_are_float32(norm):
    halved = in_float16(small_model(norm))
    convolutions = [layer for layer in halved.layers if isinstance(layer, keras.layers.Conv2D)]
    assert {weight.dtype for layer in convolutions for weight in layer.weights} == {tf.float16}
    assert {layer.compute_dtype for layer in convolutions} == {"float16"}
    others = [layer for layer in halved.layers if layer not in convolutions]
    assert {weight.dtype for layer in others for weight in layer.weights} == {tf.float32}
    assert halved.get_layer("predictions").compute_dtype == "float32"


def test_kernels_are_standardized_once():
    halved = in_float16(small_model("group"))
    assert not any(isinstance(layer, WeightStandardizedConv2D) for layer in halved.layers)
    kernel = halved.get_layer("conv2_block1_1_conv").get_weights()[0].astype(np.float32)
    np.testing.assert_allclose(kernel.mean(axis=(0, 1, 2)), 0, atol=1e-3)
    np.testing.assert_allclose(kernel.var(axis=(0, 1, 2)), 1, atol=1e-2)


def test_the_model_itself_does_not_change():
    model = small_model()
    before = [weight.copy() for weight in model.get_weights()]
    in_float16(model)
    for weight, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)


def test_the_largest_weight_that_float16_holds_is_kept():
    model = small_model()
    kernel = model.get_layer("conv1_conv").get_weights()[0]
    kernel[0, 0, 0, 0] = MAX_FLOAT16
    model.get_layer("conv1_conv").set_weights([kernel])
    assert in_float16(model).get_layer("conv1_conv").get_weights()[0][0, 0, 0, 0] == MAX_FLOAT16


@pytest.mark.parametrize("value", [70_000.0, np.inf, np.nan])
def test_a_weight_that_float16_cannot_hold_is_refused(value):
    model = small_model()
    kernel = model.get_layer("conv1_conv").get_weights()[0]
    kernel[0, 0, 0, 0] = value
    model.get_layer("conv1_conv").set_weights([kernel])
    with pytest.raises(ValueError, match=r"weights of 'conv1_conv' must be at most 65504\.0 in float16, got"):
        in_float16(model)
