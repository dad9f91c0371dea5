import tf_keras as keras
from small_networks import small_network

from models.network.resnet_v2 import ResNetV2, build
from training.layer_rates import layer_rates


def rates_by_stage(model: keras.Model) -> dict[str, float]:
    rates = layer_rates(model, 0.5)
    return {
        variable.name.partition("_")[0]: rate
        for variable, rate in zip(model.trainable_variables, rates, strict=True)
    }  # fmt: skip


def test_rates_fall_from_the_classifier_to_the_first_convolution():
    rates = rates_by_stage(build(ResNetV2.of("18", input_shape=(32, 32, 3), width=8)))
    assert rates["predictions/kernel:0"] == 1
    assert {name: rates[name] for name in ("post", "conv5", "conv2", "conv1")} == {
        "post": 1 / 2, "conv5": 1 / 4, "conv2": 1 / 32, "conv1": 1 / 64,
    }  # fmt: skip


def test_blocks_of_a_stack_are_of_one_depth():
    x = image = keras.Input([2])
    for name in ("conv1_conv", "block1a_project_conv", "block2a_project_conv", "block2b_project_conv", "predictions"):
        x = keras.layers.Dense(2, name=name)(x)
    rates = layer_rates(keras.Model(image, x), 0.5)
    assert rates[::2] == [1 / 8, 1 / 4, 1 / 2, 1 / 2, 1]


def test_without_decay_all_layers_learn_alike():
    assert set(layer_rates(small_network(side_px=8, num_classes=2), 1.0)) == {1.0}
