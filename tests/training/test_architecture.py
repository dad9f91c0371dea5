"""Networks of a configuration, pruned ones, their precision, and weights that are taken over."""

from dataclasses import replace

import numpy as np
import pytest
import tf_keras as keras

from models.network import architectures
from models.network.efficientnet_lite import EfficientNetLite
from models.network.resnet_v2 import VARIANTS, ResNetV2, Variant, build
from training.architecture import architecture_of, as_built, building_in, copy_weights, rebuilt
from training.config import preset

# Smaller than any of the family, with stacks of different lengths.
SMALL_VARIANTS = {
    "basic": Variant("basic", (1, 2, 1), "cifar"),
    "bottleneck": Variant("bottleneck", (1, 2, 1), "imagenet"),
}
WIDTHS = {
    "basic": {"stream_widths": (5, 6, 7), "inner_widths": (1, 2, 3, 4)},
    "bottleneck": {"stream_widths": (5, 6, 7), "inner_widths": tuple(range(1, 9))},
}


@pytest.fixture(params=SMALL_VARIANTS)
def standard(request, monkeypatch) -> ResNetV2:
    monkeypatch.setitem(VARIANTS, request.param, SMALL_VARIANTS[request.param])
    return ResNetV2.of(request.param, width=4, input_shape=(32, 32, 3), num_classes=3)


def test_network_of_a_configuration_has_its_width_and_size():
    assert architecture_of(preset("smoke"), num_classes=7) == ResNetV2.of(
        "8", width=16, input_shape=(32, 32, 3), num_classes=7
    )


def test_widths_are_those_of_the_model(standard):
    pruned = replace(standard, **WIDTHS[standard.variant])
    model = build(pruned)
    assert as_built(standard, model) == pruned
    assert as_built(pruned, model) is pruned


def test_model_of_which_nothing_was_pruned_has_no_widths_of_its_own(standard):
    assert as_built(standard, build(standard)) is standard


def network(**changes):
    return build(ResNetV2.of("8", **{"width": 4, **changes}))


def test_all_layers_of_an_equal_network_are_copied():
    source, target = network(), network()
    assert copy_weights(source, target) == []
    for ours, theirs in zip(target.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_classifier_for_other_classes_keeps_its_own_weights():
    source, target = network(), network(num_classes=3)
    own = target.get_layer("predictions").get_weights()
    assert copy_weights(source, target) == ["predictions"]
    np.testing.assert_array_equal(target.get_layer("predictions").get_weights()[0], own[0])


def test_a_classifier_for_as_many_other_classes_is_not_copied():
    source, target = network(), network()
    own = target.get_layer("predictions").get_weights()
    assert copy_weights(source, target, copies_classifier=False) == ["predictions"]
    np.testing.assert_array_equal(target.get_layer("predictions").get_weights()[0], own[0])


def test_networks_with_nothing_in_common_are_refused():
    with pytest.raises(ValueError, match="no layer of the same name and shape"):
        copy_weights(network(), network(width=8, num_classes=3))


def compute_dtype() -> str:
    return keras.layers.Dense(1).compute_dtype


def test_networks_are_built_in_the_precision_within_and_in_that_of_before_afterwards():
    with building_in("mixed_bfloat16"):
        assert compute_dtype() == "bfloat16"
        with building_in("float32"):
            assert compute_dtype() == "float32"
        assert compute_dtype() == "bfloat16"
    assert compute_dtype() == "float32"


def test_an_error_within_leaves_nothing_behind():
    with pytest.raises(RuntimeError, match="stopped"), building_in("mixed_float16"):
        raise RuntimeError("stopped")
    assert compute_dtype() == "float32"


def test_network_of_a_configuration_may_be_efficientnet_lite():
    config = replace(preset("photos"), variant="lite2", image_px=96)
    assert architecture_of(config, num_classes=7) == EfficientNetLite("lite2", (96, 96, 3), 7)


@pytest.mark.parametrize("setting", [{"width": 16}, {"norm": "group"}])
def test_efficientnet_lite_has_no_other_width_or_normalization(setting):
    with pytest.raises(ValueError, match="variant=lite0 has a width of its own and norm=batch: set neither"):
        architecture_of(replace(preset("photos"), variant="lite0", **setting), num_classes=7)


def test_unknown_variant_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"variant must be one of 18, .*, 164, lite0, lite1, lite2, got 'lite9'"):
        architecture_of(replace(preset("photos"), variant="lite9"), num_classes=7)


def test_efficientnet_lite_has_the_same_weights_after_it_is_built_in_another_precision():
    architecture = EfficientNetLite.of("lite0", input_shape=(32, 32, 3), num_classes=3)
    model = architectures.build(architecture)
    assert as_built(architecture, model) is architecture
    with building_in("mixed_bfloat16"):
        copy = rebuilt(architecture, model)
    assert copy.get_layer("top_conv").compute_dtype == "bfloat16"
    for ours, theirs in zip(copy.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
