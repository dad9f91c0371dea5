"""Networks of each family are built, and read again from what a manifest says of them."""

import pytest

from models.network.architectures import architecture_from_dict, build
from models.network.efficientnet_lite import EfficientNetLite
from models.network.resnet_v2 import ResNetV2

ARCHITECTURES = [
    ResNetV2.of("8", width=4, num_classes=3),
    EfficientNetLite.of("lite0", input_shape=(32, 32, 3), num_classes=3),
]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_network_ends_in_its_features_and_its_logits(architecture):
    model = build(architecture)
    assert model.get_layer("avg_pool").output_shape == (None, model.get_layer("predictions").kernel.shape[0])
    assert model.output_shape == (None, 3)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_family_says_how_a_manifest_is_read(architecture):
    assert architecture_from_dict(architecture.to_dict()) == architecture


@pytest.mark.parametrize("values", [{}, {"family": "mobilenet"}, {"family": ["resnet_v2"]}])
def test_unknown_family_is_refused(values):
    with pytest.raises(ValueError, match="family must be one of resnet_v2, efficientnet_lite, got"):
        architecture_from_dict(values)
