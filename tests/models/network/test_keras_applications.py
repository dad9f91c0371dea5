"""Weights that Keras Applications has saved give the same logits, on our pixels."""

from pathlib import Path

import numpy as np
import pytest
import tf_keras as keras
from tf_keras.src.applications import resnet

from models.network.keras_applications import downloaded, resnet_with_weights
from models.network.resnet_v2 import ResNetV2

SMALL = ResNetV2.of("50", input_shape=(64, 64, 3), num_classes=7)


@pytest.fixture(scope="module")
def theirs():
    keras.utils.set_random_seed(0)
    return keras.applications.ResNet50V2(weights=None, input_shape=(64, 64, 3), classes=7, classifier_activation=None)


@pytest.fixture(scope="module")
def weights(theirs, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "resnet50v2.h5"
    theirs.save_weights(path)
    return path


def test_logits_are_those_of_keras_on_our_pixels(theirs, weights):
    ours = resnet_with_weights(SMALL, weights)
    pixels = np.full((1, 64, 64, 3), 200, np.float32)
    pixels[:, 10:50, 10:50] = np.random.default_rng(0).integers(0, 256, (1, 40, 40, 3))
    stem = [keras.Model(model.input, model.get_layer("conv1_conv").output) for model in (theirs, ours)]
    expected, found = (
        model((pixels - mean) / std, training=False).numpy()
        for model, mean, std in zip(stem, (127.5, 128.0), (127.5, 64.0), strict=True)
    )
    np.testing.assert_allclose(found[:, 2:-2, 2:-2], expected[:, 2:-2, 2:-2], atol=1e-5)
    expected = theirs((pixels - 127.5) / 127.5, training=False).numpy()
    np.testing.assert_allclose(ours((pixels - 128) / 64, training=False), expected, atol=0.02 * np.abs(expected).max())


def test_classifier_for_other_classes_is_zeros(weights):
    ours = resnet_with_weights(ResNetV2.of("50", input_shape=(64, 64, 3), num_classes=5), weights)
    assert not ours.get_layer("predictions").kernel.numpy().any()


def test_weights_of_another_network_are_refused(weights):
    with pytest.raises(ValueError, match=r"resnet50v2\.h5 is not of ResNet-18-v2: 'conv2_block1_0_conv' is in one of"):
        resnet_with_weights(ResNetV2.of("18", input_shape=(64, 64, 3)), weights)


def test_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"no HDF5")
    with pytest.raises(ValueError, match=r"x\.h5 is not a file of weights as Keras 2 writes it"):
        resnet_with_weights(SMALL, tmp_path / "x.h5")


def test_weights_are_downloaded_by_keras_with_their_digest_or_another_way_is_named(monkeypatch):
    asked = []
    monkeypatch.setattr(keras.utils, "get_file", lambda *words, **options: asked.append((words, options)) or "w.h5")
    assert downloaded() == Path("w.h5")
    [((file, url), options)] = asked
    assert options["file_hash"] == resnet.WEIGHTS_HASHES["resnet50v2"][1]
    assert url == resnet.BASE_WEIGHTS_PATH + file

    def offline(*_, **__):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.utils, "get_file", offline)
    with pytest.raises(
        ValueError, match=r"cannot be downloaded: get the file in another way, and give --init FILE\.h5"
    ):
        downloaded()
