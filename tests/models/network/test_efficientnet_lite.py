"""EfficientNet-Lite is built as its authors built it, with names that stay."""

import json
from collections import Counter

import numpy as np
import pytest
import tf_keras as keras

from models.network.efficientnet_lite import EfficientNetLite, build
from models.network.float16 import in_float16


@pytest.fixture(scope="module")
def lite0():
    return build(EfficientNetLite.of("lite0", input_shape=(32, 32, 3), num_classes=7))


# Google's table (github.com/tensorflow/tpu, efficientnet/lite) says 4.7, 5.4 and 6.1 million.
@pytest.mark.parametrize(
    ("variant", "num_parameters"), [("lite0", 4_652_008), ("lite1", 5_416_680), ("lite2", 6_092_072)]
)
def test_number_of_parameters_is_that_of_the_reference(variant, num_parameters):
    model = build(EfficientNetLite.of(variant, input_shape=(32, 32, 3)))
    assert sum(weight.shape.num_elements() for weight in model.trainable_weights) == num_parameters


def test_lite0_halves_five_times_and_has_a_shortcut_in_every_block_but_the_first_of_a_stack(lite0):
    kinds = Counter(type(layer).__name__ for layer in lite0.layers)
    assert kinds["DepthwiseConv2D"] == 16
    assert kinds["Add"] == 16 - 7
    assert kinds["BatchNormalization"] == 49
    assert lite0.get_layer("top_conv").output_shape == (None, 1, 1, 1280)


def test_lite2_is_deeper_and_wider_but_for_its_ends():
    blocks = list(EfficientNetLite.of("lite2").blocks)
    assert [block.name for block in blocks][:5] == ["block1a", "block2a", "block2b", "block2c", "block3a"]
    assert Counter(block.name[:6] for block in blocks) == dict(
        zip([f"block{n}" for n in range(1, 8)], [1, 3, 3, 4, 4, 5, 1], strict=True)
    )
    assert list(dict.fromkeys(block.width for block in blocks)) == [16, 24, 48, 88, 120, 208, 352]


def test_names_of_layers_are_stable_addresses(lite0):
    names = [layer.name for layer in lite0.layers]
    assert names[:4] == ["image", "conv1_conv", "conv1_bn", "conv1_relu6"]
    assert [name for name in names if name.startswith("block2b")] == [
        *(f"block2b_expand_{kind}" for kind in ("conv", "bn", "relu6")),
        *(f"block2b_depthwise_{kind}" for kind in ("conv", "bn", "relu6")),
        *(f"block2b_project_{kind}" for kind in ("conv", "bn")),
        "block2b_add",
    ]
    assert names[-6:] == ["top_conv", "top_bn", "top_relu6", "avg_pool", "dropout", "predictions"]


def test_activations_end_at_six_and_normalizations_have_the_reference_epsilon(lite0):
    assert {float(layer.max_value) for layer in lite0.layers if isinstance(layer, keras.layers.ReLU)} == {6.0}
    norms = [layer for layer in lite0.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.epsilon for layer in norms} == {1e-3}


def test_dropout_is_off_when_it_answers(lite0):
    image = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype(np.float32)
    np.testing.assert_array_equal(lite0(image, training=False), lite0(image, training=False))
    assert lite0.get_layer("dropout").rate == 0.2


def test_in_float16_everything_behind_the_pooling_stays_float32(lite0):
    halved = in_float16(lite0)
    assert {halved.get_layer(name).compute_dtype for name in ("avg_pool", "dropout", "predictions")} == {"float32"}
    assert {halved.get_layer(f"block2b_{name}_conv").compute_dtype for name in ("expand", "depthwise")} == {"float16"}


def test_json_form_comes_back():
    architecture = EfficientNetLite("lite2", (96, 128, 3), 5, dropout=0.3)
    values = architecture.to_dict()
    assert values == {
        "family": "efficientnet_lite", "variant": "lite2", "input_shape": [96, 128, 3], "num_classes": 5, "dropout": 0.3
    }  # fmt: skip
    assert EfficientNetLite.from_dict(json.loads(json.dumps(values))) == architecture


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "resnet_v2"}, "family must be 'efficientnet_lite', got 'resnet_v2'"),
        ({"variant": "lite9"}, "variant must be one of lite0, lite1, lite2, got 'lite9'"),
        ({"input_shape": [31, 32, 3]}, r"the sides >= 32, got \(31, 32, 3\)"),
        ({"input_shape": 3}, "not an architecture"),
        ({"num_classes": 0}, "num_classes must be >= 1, got 0"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"colour": "red"}, "not an architecture: .*colour"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        EfficientNetLite.from_dict({**EfficientNetLite.of("lite0").to_dict(), **change})
