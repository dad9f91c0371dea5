import numpy as np
import pytest
import tf_keras as keras
from small_networks import small_network

from models.network.architectures import build
from models.network.efficientnet_lite import EfficientNetLite
from training.freezing import freeze


def lite0() -> keras.Model:
    return build(EfficientNetLite.of("lite0", input_shape=(32, 32, 3), num_classes=2))


def learning(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers if layer.trainable_variables]


def test_first_stages_stay_as_they_are_with_all_their_layers():
    model = lite0()
    freeze(model, stages=4)
    assert learning(model)[0] == "block4a_expand_conv"
    assert {name[:6] for name in learning(model)} == {
        "block4",
        "block5",
        "block6",
        "block7",
        "top_co",
        "top_bn",
        "predic",
    }


def test_depthwise_convolutions_stay_as_they_are():
    model = lite0()
    freeze(model, depthwise=True)
    assert not any("dwconv" in name for name in learning(model))
    assert sum(isinstance(layer, keras.layers.DepthwiseConv2D) for layer in model.layers) == 16


def test_one_stage_at_least_learns():
    with pytest.raises(ValueError, match="frozen_stages must be less than 10, the number of stages of the network"):
        freeze(lite0(), stages=10)


@pytest.mark.usefixtures("eager")
def test_frozen_batch_norms_stay_as_they_are_in_training_too():
    model = small_network(side_px=8, num_classes=2)
    before = model.get_weights()
    freeze(model, batch_norm=True)
    images = np.random.default_rng(0).normal(size=(4, 8, 8, 3))
    np.testing.assert_allclose(model(images, training=True), model(images, training=False), rtol=1e-6)
    assert [weight.shape for weight in model.get_weights()] == [weight.shape for weight in before]
    assert len(model.trainable_variables) == 3
