"""A fake-quantized network computes what its int8 file computes."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from ai_edge_litert.interpreter import Interpreter
from small_networks import small_network
from trained_models import trained

from models.network.export import export_fake_quantized
from models.network.folding import fold_batch_norms
from models.network.normalization import PIXEL_MEAN, PIXEL_STD, normalize
from models.network.resnet_v2 import ResNetV2
from models.network.saturation import saturates, sums_of_neighbours
from models.runtime.litert import LiteRTRuntime
from optimize.cost.tflite_file import read_tflite
from optimize.quantization.fake_quantization import fake_quantized, is_pruned, settle, smallest_steps

IMAGES = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)


def put_zeros(model: keras.Model, sparsity: float) -> None:
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(layer.kernel * (rng.random(layer.kernel.shape) >= sparsity))


def folded_model() -> keras.Model:
    folded = fold_batch_norms(trained(ResNetV2.of("8", width=8, num_classes=5)))
    kernel, bias = folded.get_layer("predictions").get_weights()
    folded.get_layer("predictions").set_weights([0.1 * kernel, bias])  # so that it is not sure of one class
    return folded


def test_ranges_are_those_of_all_batches_in_any_order():
    model = keras.Sequential([keras.Input([4, 4, 3]), keras.layers.Conv2D(2, 1, name="conv"), keras.layers.Flatten()])
    model.get_layer("conv").set_weights([np.ones([1, 1, 3, 2]), np.zeros(2)])
    black, white = (np.full([1, 4, 4, 3], pixel, np.uint8) for pixel in (0, 255))
    for batches in ([black, white], [white, black]):
        variables = {variable.name: variable.numpy() for variable in fake_quantized(model, batches).variables}
        ends = [float(value) for name, value in variables.items() if name.startswith("conv/post_activation")]
        assert sorted(ends) == [3 * (0 - PIXEL_MEAN) / PIXEL_STD, 3 * (255 - PIXEL_MEAN) / PIXEL_STD]


def take_a_step(model: keras.Model, lr: float = 0.01) -> None:
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model(normalize(IMAGES), training=True) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    keras.optimizers.SGD(lr).apply_gradients(zip(gradients, model.trainable_variables, strict=True))


def exported(model: keras.Model, folder):
    path = folder.mktemp("files") / "int8.tflite"
    export_fake_quantized(model, path)
    return path


@pytest.fixture(scope="module")
def model():
    """Settled after the last of two steps, which went so far that the ranges before it are wrong."""
    model = fake_quantized(folded_model(), [IMAGES[:4], IMAGES[4:]])
    take_a_step(model)
    take_a_step(model, lr=1.0)
    settle(model)
    return model


@pytest.fixture(scope="module")
def file(model, tmp_path_factory):
    return exported(model, tmp_path_factory)


def test_every_operator_but_the_softmax_works_on_int8(file):
    found = read_tflite(file)
    assert found.float_operators == ("DEQUANTIZE", "SOFTMAX")
    assert set(found.operators) == {"CONV_2D", "QUANTIZE", "ADD", "MEAN", "FULLY_CONNECTED", "DEQUANTIZE", "SOFTMAX"}


def test_input_takes_pixels_as_they_are(file):
    [image] = Interpreter(str(file)).get_input_details()
    assert (image["dtype"], image["quantization"]) == (np.uint8, (1 / PIXEL_STD, PIXEL_MEAN))


def test_file_gives_nearly_the_probabilities_of_the_model(model, file):
    runtime = LiteRTRuntime(file, input_shape=(32, 32, 3), num_classes=5)
    found = runtime.run(IMAGES)
    runtime.close()
    np.testing.assert_allclose(found, tf.nn.softmax(model(normalize(IMAGES), training=False)), atol=0.02)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_rounding_moves_the_logits_a_little_and_training_leaves_the_folded_model_alone():
    folded = folded_model()
    before, expected = folded.get_weights(), folded(normalize(IMAGES)).numpy()
    model = fake_quantized(folded, [IMAGES])
    found = model(normalize(IMAGES), training=True)  # which takes the ranges of the kernels
    assert 0 < np.abs(found - expected).max() < 0.1 * np.abs(expected).max()
    take_a_step(model)
    for weight, expected in zip(folded.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_no_products_of_its_file_saturate(model, file):
    assert saturates(file.read_bytes()) is False
    # Each kernel is as fine as it can be: the largest weight, or the largest sum of neighbours, is nearly all there is.
    for kernel in (variable for variable in model.trainable_variables if "kernel" in variable.name):
        steps = np.rint(np.moveaxis(kernel.numpy() / smallest_steps(kernel).numpy(), -1, 0))
        largest = np.maximum(sums_of_neighbours(steps), np.abs(steps).reshape(len(steps), -1).max(axis=1))
        assert largest.min() >= 126


@pytest.mark.slow
def test_zeros_of_a_pruned_model_stay_zeros(tmp_path_factory):
    folded = folded_model()
    put_zeros(folded, 0.6)
    assert is_pruned(folded)
    model = fake_quantized(folded, [IMAGES])
    take_a_step(model, lr=1.0)  # so far that no weight rounds to zero by itself
    kernels = [weights[0] for layer in folded.layers if (weights := layer.get_weights())]
    num_zeros = sum(np.sum(kernel == 0) for kernel in kernels)
    found = read_tflite(exported(model, tmp_path_factory)).sparsity
    assert found >= num_zeros / sum(kernel.size for kernel in kernels) > 0.55


@pytest.mark.parametrize(("sparsity", "answer"), [(0.0, False), (0.1, False), (0.3, True)])
def test_model_is_pruned_if_zeros_were_put_there(sparsity, answer):
    model = small_network(side_px=8, num_classes=5)
    put_zeros(model, sparsity)
    assert is_pruned(model) is answer
