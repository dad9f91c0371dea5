import numpy as np
import pytest

from models.network.resnet_v2 import ResNetV2, build
from training.zero_start import zero_branches


@pytest.mark.parametrize(("variant", "last"), [("8", "2_conv"), ("50", "3_conv")])
def test_blocks_begin_as_their_shortcuts(variant, last):
    model = build(ResNetV2.of(variant, input_shape=(32, 32, 3), width=8))
    zero_branches(model)
    zeros = {layer.name for layer in model.layers if layer.weights and not layer.get_weights()[0].any()}
    kernels = {name for name in zeros if name.endswith("_conv")}
    assert kernels == {layer.name for layer in model.layers if layer.name.endswith(last)}
    assert model.get_layer("conv1_conv").get_weights()[0].any()
    assert np.isfinite(model(np.zeros((1, 32, 32, 3), np.float32))).all()
