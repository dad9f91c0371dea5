"""Weights of ImageNet, from the packages that hold them: all of them, in their places, for our pixels."""

from dataclasses import replace

import numpy as np
import pytest
import tf_keras as keras
from torch_files import write_tensors

from models.network import pretrained
from models.network.efficientnet_lite import EfficientNetLite
from models.network.pretrained import WEIGHTS, WeightsMissing, pretrained_model
from models.network.torch_file import read_tensors

SMALL = EfficientNetLite.of("lite0", input_shape=(64, 64, 3))


@pytest.fixture(scope="module")
def tensors():
    return read_tensors(WEIGHTS["lite0"].find())


@pytest.fixture
def with_tensors(monkeypatch):
    def with_tensors(tensors):
        monkeypatch.setattr(pretrained, "read_tensors", lambda _: tensors)

    return with_tensors


def test_stem_computes_on_our_pixels_what_the_reference_computes_on_its_own(tensors):
    model = pretrained_model(SMALL)
    stem = keras.Model(model.input, model.get_layer("conv1_bn").output)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.float64)
    kernel = tensors["_conv_stem.weight"].astype(np.float64)  # outputs, inputs, rows, columns
    patch = ((pixels - 127) / 128)[0, 10:13, 20:23]  # of the output at 5, 10: "same" pads below and to the right
    sums = np.einsum("rci,oirc->o", patch, kernel)
    gamma, beta, mean, variance = (
        tensors[f"_bn0.{kind}"] for kind in ("weight", "bias", "running_mean", "running_var")
    )
    expected = (sums - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    ours = stem(((pixels - 128) / 64).astype(np.float32), training=False).numpy()[0, 5, 10]
    np.testing.assert_allclose(ours, expected, atol=2e-5)


@pytest.mark.parametrize(("variant", "num_tensors", "index"), [("lite0", 296, 9), ("lite2", 386, 12)])
def test_every_tensor_of_the_file_is_used(variant, num_tensors, index):
    tensors = read_tensors(WEIGHTS[variant].find())
    model = pretrained_model(EfficientNetLite.of(variant, input_shape=(32, 32, 3)))
    assert len(tensors) == num_tensors
    num_counters = sum(name.endswith("num_batches_tracked") for name in tensors)
    assert len(model.weights) == num_tensors - num_counters
    np.testing.assert_array_equal(model.get_layer("predictions").kernel, tensors["_fc.weight"].T)
    np.testing.assert_array_equal(
        model.get_layer("block5b_depthwise_conv").depthwise_kernel[:, :, 7, 0],
        tensors[f"_blocks.{index}._depthwise_conv.weight"][7, 0],
    )


def test_classifier_of_other_classes_gives_all_of_them_the_same_probability():
    model = pretrained_model(replace(SMALL, num_classes=5))
    image = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype(np.float32)
    np.testing.assert_array_equal(model(image, training=False), np.zeros((1, 5)))
    assert model.get_layer("top_bn").gamma.numpy().std() > 0


def test_missing_tensor_is_named(tensors, with_tensors):
    with_tensors({name: tensor for name, tensor in tensors.items() if name != "_blocks.3._bn1.bias"})
    with pytest.raises(ValueError, match=r"the weights lack '_blocks\.3\._bn1\.bias': they are not of lite0"):
        pretrained_model(SMALL)


def test_tensor_without_a_place_is_named(tensors, with_tensors):
    with_tensors({**tensors, "_blocks.16._bn1.bias": tensors["_bn0.bias"]})
    with pytest.raises(ValueError, match=r"the weights have '_blocks\.16\._bn1\.bias' beside what lite0 has"):
        pretrained_model(SMALL)


def test_package_that_is_not_installed_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(WEIGHTS, "lite0", replace(WEIGHTS["lite0"], package="efficientnet-lite7"))
    with pytest.raises(
        WeightsMissing,
        match="efficientnet-lite7 with the pretrained weights is missing: `pip install --no-deps efficient",
    ):
        pretrained_model(SMALL)


def test_file_that_is_not_the_known_one_is_never_read(monkeypatch, tmp_path):
    other = write_tensors(tmp_path / "other.pth", {})
    known = WEIGHTS["lite0"]
    monkeypatch.setitem(WEIGHTS, "lite0", replace(known, path=str(other)))
    monkeypatch.setattr(pretrained, "read_tensors", lambda _: pytest.fail("it was read"))
    with pytest.raises(WeightsMissing, match=r"are not the known ones \(sha256 [0-9a-f]{64}\)"):
        pretrained_model(SMALL)


def test_variant_without_weights_is_refused(monkeypatch):
    monkeypatch.delitem(WEIGHTS, "lite1")
    with pytest.raises(ValueError, match="variant must be one of lite0, lite2, got 'lite1'"):
        pretrained_model(EfficientNetLite.of("lite1"))
