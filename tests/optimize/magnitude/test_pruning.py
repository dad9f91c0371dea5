import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from models.network.export import export_float32
from models.network.resnet_v2 import ResNetV2, build
from models.portable.checked_graph import read_graph
from optimize.magnitude.pruning import MagnitudePruner
from optimize.settings import MagnitudePruning
from training.architecture import building_in

pytestmark = pytest.mark.usefixtures("eager_module")

MAGNITUDES = np.arange(1.0, 73.0)


def dense_model() -> keras.Model:
    """A convolution of 72 weights, 1, -2, 3 and so on, and a classifier of 64 equal ones."""
    image = keras.Input((4, 4, 1))
    x = keras.layers.Conv2D(8, 3, name="conv")(image)
    logits = keras.layers.Dense(2, kernel_initializer="ones", name="predictions")(keras.layers.Flatten()(x))
    model = keras.Model(image, logits)
    signs = np.where(np.arange(72) % 2, -1, 1)
    model.get_layer("conv").set_weights([(MAGNITUDES * signs).reshape(3, 3, 1, 8), np.zeros(8)])
    return model


def pruned(model: keras.Model, *, num_steps: int = 20, **options) -> keras.Model:
    pruner = MagnitudePruner(model, MagnitudePruning(**options), num_steps=num_steps)
    for number in range(num_steps):
        pruner.before_step(number)
    pruner.finish()
    return model


def kernels(model: keras.Model) -> dict[str, np.ndarray]:
    return {layer.name: layer.kernel.numpy() for layer in model.layers if hasattr(layer, "kernel")}


def test_the_smallest_weights_become_zero_and_the_rest_stay():
    model = pruned(dense_model(), sparsity=54 / 136, layer_sparsity=["predictions=0"])
    kernel = np.abs(model.get_layer("conv").kernel.numpy().ravel())
    np.testing.assert_array_equal(kernel, np.where(MAGNITUDES > 54, MAGNITUDES, 0))


@pytest.mark.parametrize("sparsity", [0.5, 0.8, 0.873])
def test_all_kernels_together_have_exactly_the_wanted_sparsity(sparsity):
    found = kernels(pruned(build(ResNetV2.of("8", width=8)), sparsity=sparsity, num_steps=3))
    num_zeros = {name: int(np.sum(kernel == 0)) for name, kernel in found.items()}
    assert sum(num_zeros.values()) == round(sparsity * sum(kernel.size for kernel in found.values()))
    assert num_zeros["conv1_conv"] == 0
    assert num_zeros["predictions"] <= 0.8 * found["predictions"].size


def test_layers_have_the_sparsity_that_rules_say():
    model = build(ResNetV2.of("8", width=8))
    options = {"layer_sparsity": ["conv3_.*=0.9", "conv3_block1_0_conv=0"], "sparsity": 0.7, "num_steps": 3}
    found = {name: np.mean(kernel == 0) for name, kernel in kernels(pruned(model, **options)).items()}
    assert found["conv3_block1_0_conv"] == 0
    assert found["conv3_block1_2_conv"] == pytest.approx(0.9, abs=0.001)
    assert found["conv4_block1_2_conv"] == pytest.approx(found["conv2_block1_1_conv"], abs=0.001)


def test_sparsity_rises_and_never_falls():
    model = dense_model()
    pruner = MagnitudePruner(model, MagnitudePruning(sparsity=0.8), num_steps=50)
    found = []
    for step in range(50):
        pruner.before_step(step)
        found.append(float(np.mean(model.get_layer("conv").kernel.numpy() == 0)))
    assert found == sorted(found)
    assert 0 < found[10] < found[25] < found[-1]


def test_zeros_that_come_with_the_last_step_come_in_time():
    assert (
        np.sum(pruned(dense_model(), sparsity=0.5, end=1.0, power=1.0, num_steps=11).get_layer("conv").kernel == 0)
        == 36
    )


def test_nothing_is_pruned_before_the_beginning():
    model = dense_model()
    pruner = MagnitudePruner(model, MagnitudePruning(begin=0.5, end=0.9), num_steps=20)
    for step in range(10):
        pruner.before_step(step)
    assert all(np.all(kernel != 0) for kernel in kernels(model).values())


def test_gradient_steps_do_not_bring_pruned_weights_back():
    model = dense_model()
    pruner = MagnitudePruner(model, MagnitudePruning(sparsity=0.25, layer_sparsity=["predictions=0"]), num_steps=10)
    for step in range(10):
        pruner.before_step(step)
    kernel = model.get_layer("conv").kernel
    kernel.assign_add(tf.fill(kernel.shape, 100.0))
    pruner.finish()
    assert np.sum(kernel.numpy() == 0) == 34


def test_weights_that_are_kept_are_not_rounded_by_mixed_precision():
    with building_in("mixed_bfloat16"):
        model = dense_model()
    before = model.get_layer("conv").kernel.numpy() + np.float32(1e-3)  # which bfloat16 does not have
    model.get_layer("conv").kernel.assign(before)
    after = pruned(model, sparsity=0.5).get_layer("conv").kernel.numpy()
    assert 0 < np.sum(after == 0) < after.size
    np.testing.assert_array_equal(after, np.where(after == 0, 0, before))


def test_two_of_four_keeps_the_larger_two_of_every_four_input_channels():
    model = build(ResNetV2.of("8", width=8))
    dense = kernels(model)
    sparse = kernels(pruned(model, pattern="2:4", num_steps=2))
    for name in ("conv2_block1_1_conv", "conv3_block1_0_conv", "predictions"):
        *_, num_inputs, num_outputs = dense[name].shape
        groups = dense[name].reshape(-1, num_inputs // 4, 4, num_outputs)
        is_large = np.argsort(np.argsort(np.abs(groups), axis=2), axis=2) >= 2
        np.testing.assert_array_equal(sparse[name].reshape(groups.shape), np.where(is_large, groups, 0))
    assert np.all(sparse["conv1_conv"] != 0)


def test_two_of_four_runs_along_the_last_axis_of_the_exported_kernels(tmp_path):
    model = pruned(build(ResNetV2.of("8", width=8)), pattern="2:4", num_steps=2)
    export_float32(model, tmp_path / "model.tflite")
    graph = read_graph((tmp_path / "model.tflite").read_bytes())
    layers = [operator for operator in graph.operators if operator.name in {"CONV_2D", "FULLY_CONNECTED"}]
    exported = [graph.tensors[operator.inputs[1]] for operator in layers]
    assert len(exported) == 10
    for kernel in exported:
        if kernel.shape[-1] % 4 == 0:
            values = np.frombuffer(kernel.data.tobytes(), np.float32).reshape(-1, 4)
            np.testing.assert_array_equal(np.sum(values == 0, axis=1), 2)


def test_rules_without_a_layer_name_those_there_are():
    with pytest.raises(ValueError, match="'stem' matches no layer; there are conv, predictions"):
        MagnitudePruner(dense_model(), MagnitudePruning(layer_sparsity=("stem=0",)), num_steps=1)


def test_weight_standardized_networks_are_refused():
    model = build(ResNetV2.of("8", width=4, norm="group"))
    with pytest.raises(ValueError, match="weight standardization would undo the zeros"):
        MagnitudePruner(model, MagnitudePruning(), num_steps=1)
