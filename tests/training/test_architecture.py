"""What a configuration asks for, and what a model has become."""

from dataclasses import replace

import pytest

from models.network.resnet_v2 import ResNetV2, build
from training.architecture import architecture_of, as_built
from training.config import preset

WIDTHS = {
    "20": {"stream_widths": (5, 6, 7), "inner_widths": (1, 2, 3, 4, 5, 6, 7, 8, 9)},
    "18": {"stream_widths": (3, 4, 5, 6), "inner_widths": (1, 2, 3, 4, 5, 6, 7, 8)},
    "50": {"stream_widths": (5, 6, 7, 8), "inner_widths": tuple(range(1, 33))},
}


def test_network_of_a_configuration_has_its_width_and_size():
    found = architecture_of(preset("smoke"), num_classes=7)
    assert found == ResNetV2.of("8", width=16, input_shape=(32, 32, 3), num_classes=7)


@pytest.mark.parametrize("variant", ["20", "18", pytest.param("50", marks=pytest.mark.slow)])
def test_widths_are_those_of_the_model(variant):
    standard = ResNetV2.of(variant, width=4, input_shape=(32, 32, 3), num_classes=3)
    pruned = replace(standard, **WIDTHS[variant])
    assert as_built(standard, build(pruned)) == pruned
    assert as_built(pruned, build(pruned)) is pruned


@pytest.mark.parametrize("variant", ["20", "18"])
def test_model_of_which_nothing_was_pruned_has_no_widths_of_its_own(variant):
    standard = ResNetV2.of(variant, width=4, input_shape=(32, 32, 3), num_classes=3)
    assert as_built(standard, build(standard)) is standard
