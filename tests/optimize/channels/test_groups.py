"""Every channel is found wherever it stands, and what it costs."""

from __future__ import annotations

import pytest
from small_networks import small_bottleneck

from models.network.resnet_v2 import ResNetV2, build
from optimize.channels.groups import ChannelGroup, channel_groups, count_macs, layer_costs


def group_of(architecture: ResNetV2, name: str) -> ChannelGroup:
    return next(group for group in channel_groups(build(architecture)) if group.name == name)


def test_channels_within_a_basic_block_concern_its_two_convolutions() -> None:
    assert group_of(ResNetV2.of("20", width=8), "conv3_block2_1") == ChannelGroup(
        "conv3_block2_1",
        num_channels=16,
        producers=("conv3_block2_1_conv",),
        norms=("conv3_block2_1_bn",),
        consumers=("conv3_block2_2_conv",),
    )


def test_first_stream_begins_with_the_stem_and_is_read_by_the_next_stack() -> None:
    group = group_of(ResNetV2.of("20", width=8), "conv2")
    blocks = ("conv2_block1", "conv2_block2", "conv2_block3")
    assert group.producers == ("conv1_conv", *(f"{block}_2_conv" for block in blocks))
    assert group.norms == (*(f"{block}_preact_bn" for block in blocks), "conv3_block1_preact_bn")
    assert group.consumers == (*(f"{block}_1_conv" for block in blocks), "conv3_block1_0_conv", "conv3_block1_1_conv")


def test_last_stream_begins_with_a_projection_and_is_read_by_the_classifier() -> None:
    group = group_of(ResNetV2.of("20", width=8), "conv4")
    assert group.producers[0] == "conv4_block1_0_conv"
    assert group.norms == ("conv4_block2_preact_bn", "conv4_block3_preact_bn", "post_bn")
    assert group.consumers == ("conv4_block2_1_conv", "conv4_block3_1_conv", "predictions")


def test_bottleneck_has_channels_in_two_places(monkeypatch) -> None:
    groups = channel_groups(build(small_bottleneck(monkeypatch)))
    assert len([group for group in groups if not group.is_stream]) == 2 * 4
    assert [group.num_channels for group in groups if group.is_stream] == [16, 32]


def test_macs_of_resnet_20_are_those_of_the_literature() -> None:
    model = build(ResNetV2.of("20"))
    groups = channel_groups(model)
    macs = count_macs(layer_costs(model, groups), {group.name: group.num_channels for group in groups})
    assert macs == pytest.approx(40.8e6, rel=0.02)  # arXiv:1512.03385, table 6: 0.27 M parameters; 40.8 M by others


def test_half_the_channels_within_a_block_halve_what_its_convolutions_cost() -> None:
    model = build(ResNetV2.of("20", width=8))
    groups = channel_groups(model)
    widths = {group.name: group.num_channels for group in groups}
    layers = layer_costs(model, groups)
    saved = count_macs(layers, widths) - count_macs(layers, {**widths, "conv2_block1_1": 4})
    assert saved == 2 * (32 * 32) * 9 * 8 * 4


def test_network_with_group_normalization_is_refused() -> None:
    with pytest.raises(ValueError, match="no ResNet-v2 with batch normalization"):
        channel_groups(build(ResNetV2.of("20", width=8, norm="group")))
