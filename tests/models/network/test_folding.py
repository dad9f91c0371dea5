"""A network without its batch normalizations gives the answers that it gave with them."""

import numpy as np
import pytest
import tf_keras as keras
from small_networks import small_bottleneck
from trained_models import trained

from models.network.folding import fold_batch_norms
from models.network.resnet_v2 import VARIANTS, ResNetV2, Variant, build

ARCHITECTURES = {
    "basic": ResNetV2.of("14", width=8),
    "basic, imagenet stem": ResNetV2.of("18", width=8, input_shape=(64, 64, 3), num_classes=7),
    "pruned": ResNetV2("14", (32, 32, 3), 10, 8, stream_widths=(6, 9, 20), inner_widths=(1, 2, 3, 4, 5, 6)),
}


@pytest.fixture
def bottleneck(monkeypatch):
    return small_bottleneck(monkeypatch)


def logits_of(model):
    images = np.random.default_rng(1).uniform(-1, 1, (3, *model.input_shape[1:])).astype(np.float32)
    return model(images, training=False).numpy()


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_folded_model_gives_the_same_logits(architecture):
    check_folding(architecture)


def test_folded_bottlenecks_give_the_same_logits(bottleneck):
    check_folding(bottleneck)


def test_folded_bottlenecks_behind_a_cifar_stem_give_the_same_logits(monkeypatch):
    monkeypatch.setitem(VARIANTS, "20", Variant("bottleneck", (2, 2, 2), "cifar"))  # as 164, which has nine times more
    check_folding(ResNetV2.of("20", width=2, input_shape=(16, 16, 3)))


def check_folding(architecture):
    model = trained(architecture)
    expected = logits_of(model)
    np.testing.assert_allclose(logits_of(fold_batch_norms(model)), expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def explicit_in(model):
    """The normalizations that are computed."""
    return [layer.name for layer in model.layers if isinstance(layer, keras.layers.DepthwiseConv2D) and layer.use_bias]


def test_nothing_but_additions_is_left_between_blocks_where_every_scale_is_positive():
    folded = fold_batch_norms(trained(ARCHITECTURES["basic"]))
    kinds = {type(layer).__name__ for layer in folded.layers}
    assert kinds == {"InputLayer", "Conv2D", "ReLU", "Add", "GlobalAveragePooling2D", "Dense"}


def test_pool_with_zero_padding_keeps_the_normalization_behind_it(bottleneck):
    assert explicit_in(fold_batch_norms(trained(bottleneck))) == ["conv2_block1_preact_bn"]


@pytest.mark.parametrize(("gamma", "beta"), [(-0.1, 0.0), (0.0, 0.3), (1e-3, 1.0)])
def test_scale_that_does_not_fold_is_computed_and_the_answers_are_the_same(gamma, beta):
    model = trained(ARCHITECTURES["basic"])
    layer = model.get_layer("conv3_block2_preact_bn")
    gammas, betas, *statistics = layer.get_weights()
    gammas[3], betas[3] = gamma, beta
    layer.set_weights([gammas, betas, *statistics])
    folded = fold_batch_norms(model)
    assert explicit_in(folded) == ["conv3_block2_preact_bn"]
    np.testing.assert_allclose(logits_of(folded), logits_of(model), rtol=1e-3, atol=1e-3)


def test_convolutions_keep_their_names(bottleneck):
    model = build(bottleneck)
    convs = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    folded = fold_batch_norms(model)
    assert [layer.name for layer in folded.layers if type(layer) is keras.layers.Conv2D] == convs


def test_group_normalization_is_left_as_it_is():
    model = build(ResNetV2.of("20", width=8, norm="group"))
    assert fold_batch_norms(model) is model
