import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from models.network.resnet_v2 import VARIANTS, ResNetV2, build
from training.architecture import building_in

LARGE = ("34", "101", "152", "110", "164")


def large(variant: str):
    """A network that takes seconds to build and is covered by a smaller one of its kind."""
    return pytest.param(variant, marks=pytest.mark.extended(covers=["models/network/*"]))


def random_images(*shape: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)


def weights_by_name(model: keras.Model) -> dict[str, list[np.ndarray]]:
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def copy_by_name(source: keras.Model, target: keras.Model) -> None:
    for name, weights in weights_by_name(source).items():
        target.get_layer(name).set_weights(weights)


def randomize_normalization(model: keras.Model) -> None:
    # Fresh biases and statistics are all zeros and ones, which would hide a mix-up.
    rng = np.random.default_rng(1)
    for layer in model.layers:
        layer.set_weights([w + rng.uniform(0, 0.1, w.shape) if w.ndim == 1 else w for w in layer.get_weights()])


def keras_application(variant: str) -> keras.Model:
    # Keras' constructor of a 1000-class head needs 224 px only with its pretrained weights.
    function = getattr(keras.applications, f"ResNet{variant}V2")
    return function(weights=None, input_shape=(64, 64, 3), classes=7, classifier_activation=None)


@pytest.fixture(scope="module")
def both(request):
    """Our network and that of Keras."""
    ours = build(ResNetV2.of(request.param, input_shape=(64, 64, 3), num_classes=7))
    keras.backend.clear_session()  # the names Keras gives by itself begin anew
    return ours, keras_application(request.param)


@pytest.mark.parametrize("both", ["50", large("101"), large("152")], indirect=True)
def test_layer_names_are_those_of_keras_applications(both):
    ours, theirs = ([(layer.name, type(layer)) for layer in model.layers[1:]] for model in both)
    assert ours == theirs


@pytest.mark.parametrize("direction", ["theirs to ours", "ours to theirs"])
@pytest.mark.parametrize("both", ["50", large("101")], indirect=True)
def test_weights_copied_by_name_give_the_outputs_of_keras_applications(both, direction):
    ours, theirs = both
    source, target = (theirs, ours) if direction == "theirs to ours" else (ours, theirs)
    randomize_normalization(source)
    copy_by_name(source, target)
    images = random_images(2, 64, 64, 3)
    expected, found = source(images).numpy(), target(images).numpy()
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


# In millions, as in the papers' tables: arXiv:1512.03385 gives 0.27, 0.85 and 1.7 for 20, 56 and 110, and
# arXiv:1603.05027 1.7 for 164; of 50, 101 and 152 as in Keras' list of its applications.
PARAMETERS = {
    **{"18": 11.7, "34": 21.8, "50": 25.6, "101": 44.7, "152": 60.4},
    **{"20": 0.27, "56": 0.86, "110": 1.74, "164": 1.74},
}


@pytest.mark.parametrize("variant", [large(name) if name in LARGE else name for name in VARIANTS])
def test_variant_has_its_papers_size_and_ends_in_eight_by_eight_or_seven_by_seven(variant):
    model = build(ResNetV2.of(variant))
    side = 7 if VARIANTS[variant].stem == "imagenet" else 8
    assert model.get_layer("post_relu").output_shape[1:3] == (side, side)
    if variant in PARAMETERS:
        assert model.count_params() / 1e6 == pytest.approx(PARAMETERS[variant], rel=0.02)
    if variant == "50":
        assert model.count_params() == 25_613_800  # as published


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("variant", ["18", "20"])
def test_input_shape_classes_and_width_are_free(variant, norm):
    model = build(ResNetV2.of(variant, input_shape=(40, 56, 1), num_classes=3, width=4, norm=norm))
    assert model(random_images(2, 40, 56, 1)).shape == (2, 3)
    assert model.layers[-1].activation is keras.activations.linear


def test_logits_are_float32_under_mixed_precision():
    with building_in("mixed_bfloat16"):
        model = build(ResNetV2.of("20", width=4))
    assert model(random_images(1, 32, 32, 3)).dtype == tf.float32
    assert model.get_layer("conv1_conv").compute_dtype == "bfloat16"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variant": "19"}, "variant must be one of 18, 34,"),
        ({"norm": "layer"}, "norm must be one of batch, group"),
        ({"width": 0}, "width must be >= 1, got 0"),
        ({"num_classes": 0}, "num_classes must be >= 1, got 0"),
        ({"input_shape": (32, 32)}, "input_shape must be"),
    ],
)
def test_bad_architectures_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ResNetV2.of(**{"variant": "20", **change})


STREAMS, INNER = (5, 6, 7), (1, 2, 3, 4, 5, 6, 7, 8, 9)


def test_widths_of_streams_and_blocks_are_free():
    model = build(ResNetV2("20", (32, 32, 3), 3, 16, stream_widths=STREAMS, inner_widths=INNER))
    found = [layer.output_shape[-1] for layer in model.layers if layer.name.endswith("_1_conv")]
    assert tuple(found) == INNER
    assert tuple(model.get_layer(f"conv{stack}_block3_out").output_shape[-1] for stack in (2, 3, 4)) == STREAMS
    assert model.get_layer("conv1_conv").filters == STREAMS[0]
    assert model(random_images(2, 32, 32, 3)).shape == (2, 3)


def test_bottlenecks_have_two_widths_each_and_a_stem_of_their_own():
    inner = tuple(range(1, 33))
    model = build(ResNetV2("50", (32, 32, 3), 3, 4, stream_widths=(5, 6, 7, 8), inner_widths=inner))
    found = [
        model.get_layer(f"conv{stack}_block{block}_{place}_conv").filters
        for stack, num_blocks in zip((2, 3, 4, 5), VARIANTS["50"].blocks_per_stack, strict=True)
        for block in range(1, num_blocks + 1)
        for place in (1, 2)
    ]
    assert tuple(found) == inner
    assert (model.get_layer("conv1_conv").filters, model.get_layer("post_bn").gamma.shape[0]) == (4, 8)


def test_standard_widths_are_those_of_the_table():
    assert ResNetV2.of("20").streams == (16, 32, 64)
    assert ResNetV2.of("20").inner == (16,) * 3 + (32,) * 3 + (64,) * 3
    assert ResNetV2.of("50").streams == (256, 512, 1024, 2048)
    assert ResNetV2.of("50").inner[:8] == (64,) * 6 + (128,) * 2
    assert (ResNetV2.of("50").stem, ResNetV2.of("18").stem) == (64, 64)


def test_record_has_the_widths_only_where_channels_were_pruned():
    standard = {"family": "resnet_v2", "variant": "20", "input_shape": [32, 32, 3], "num_classes": 10, "width": 16}
    assert ResNetV2.of("20").to_dict() == {**standard, "norm": "batch"}
    pruned = ResNetV2("20", (32, 32, 3), 10, 16, stream_widths=STREAMS, inner_widths=INNER)
    widths = {"stream_widths": list(STREAMS), "inner_widths": list(INNER)}
    assert pruned.to_dict() == {**standard, "norm": "batch", **widths}
    for architecture in (ResNetV2.of("20"), ResNetV2.of("20", width=8, norm="group"), pruned):
        assert ResNetV2.from_dict(json.loads(json.dumps(architecture.to_dict()))) == architecture


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "mobilenet"}, "family must be 'resnet_v2', got 'mobilenet'"),
        ({"depth": 3}, "not an architecture: .*depth"),
        ({"variant": "19"}, "variant must be one of"),
    ],
)
def test_records_of_other_networks_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ResNetV2.from_dict({**ResNetV2.of("20").to_dict(), **change})


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"stream_widths": (5, 6)}, r"stream_widths must be 3 numbers >= 1, got \(5, 6\)"),
        ({"stream_widths": (5, 0, 6)}, r"stream_widths must be 3 numbers >= 1, got \(5, 0, 6\)"),
        ({"inner_widths": (1, 2, 3)}, r"inner_widths must be 9 numbers >= 1, got \(1, 2, 3\)"),
        ({"inner_widths": ()}, r"inner_widths must be 9 numbers >= 1, got \(\)"),
    ],
)
def test_widths_of_another_network_are_refused(widths, message):
    with pytest.raises(ValueError, match=message):
        ResNetV2("20", (32, 32, 3), 10, 16, **widths)
