"""A SavedModel explains its answers as the float32 file of the same network does."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from small_networks import small_network

from models.explanation.explainable_file import open_explainable
from models.network.export import export_float32, export_saved_model
from models.runtime.litert import LiteRTRuntime
from models.runtime.tensorflow import TensorFlowRuntime
from models.runtime.tensorflow_features import explainable_function

TOLERANCE = 1e-4  # of numbers of about 1
SHAPE = {"input_shape": (16, 16, 3), "num_classes": 5}
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)


@pytest.fixture(scope="module")
def model():
    model = small_network(side_px=16, num_classes=5)
    rng = np.random.default_rng(1)
    model.get_layer("predictions").set_weights([rng.normal(size=(4, 5)), rng.normal(size=5)])
    return model


@pytest.fixture(scope="module")
def litert(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("float32") / "model.tflite"
    export_float32(model, path)
    explainable = open_explainable(path)
    runtime = LiteRTRuntime(path, explainable=explainable, **SHAPE)
    yield runtime, explainable.head
    runtime.close()


def load(model, folder, *, precision="float32", xla=False, explains=True, **options):
    export_saved_model(model, folder / "saved_model", precision, **options)
    times = iter([2, 1] if xla else [1, 2])

    def measure(call):
        call()
        return next(times)

    return TensorFlowRuntime(folder / "saved_model", batch_sizes=(4,), measure=measure, explains=explains, **SHAPE)


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_map_and_embedding_are_those_of_the_float32_file(model, litert, tmp_path, temperature, xla):
    other, head = litert
    runtime = load(model, tmp_path, temperature=temperature, xla=xla)
    assert runtime.xla_batch_sizes == ((4,) if xla else ())
    assert runtime.head.shape == head.shape == (16, 16, 4)
    np.testing.assert_allclose(runtime.head.bias, head.bias, atol=TOLERANCE)
    probabilities = runtime.run(IMAGES)
    other.run(IMAGES)
    for index in range(len(IMAGES)):
        found, expected = runtime.features(index), other.features(index)
        assert (found.shape, found.dtype) == ((16, 16, 4), np.float32)
        logits = []
        for label in range(5):
            pairs = zip(runtime.head.explained(found, label), head.explained(expected, label), strict=True)
            for one, another in pairs:
                np.testing.assert_allclose(one, another, atol=TOLERANCE)
            logits.append(runtime.head.class_map(found, label).mean() + runtime.head.bias[label])
        softmax = tf.nn.softmax(np.array(logits) / temperature).numpy()
        np.testing.assert_allclose(softmax, probabilities[index], atol=TOLERANCE)
    runtime.close()


def test_float16_model_is_explained_by_float32_numbers(model, litert, tmp_path):
    other, head = litert
    runtime = load(model, tmp_path, precision="float16")
    runtime.run(IMAGES)
    other.run(IMAGES)
    found, expected = runtime.features(2), other.features(2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(runtime.head.class_map(found, 1), head.class_map(expected, 1), atol=2e-2)


def test_answers_are_the_same_with_feature_maps_as_without(model, tmp_path):
    plain = load(model, tmp_path / "plain", explains=False)
    explained = load(model, tmp_path / "explained")
    assert plain.head is None
    np.testing.assert_array_equal(plain.run(IMAGES), explained.run(IMAGES))


def test_feature_maps_are_not_overwritten_by_the_next_run(model, tmp_path):
    runtime = load(model, tmp_path)
    runtime.run(IMAGES)
    first = runtime.features(0)
    kept = first.copy()
    runtime.run(IMAGES[::-1])
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(runtime.features(2), kept)


def ends(x, kind):
    layers = keras.layers
    if kind == "no pooling":
        return layers.Dense(5)(layers.Flatten()(x))
    if kind == "two layers":
        return layers.Dense(5)(layers.ReLU()(layers.Dense(5)(layers.GlobalAveragePooling2D()(x))))
    return layers.Dense(5)(layers.GlobalMaxPooling2D()(x))


@pytest.mark.parametrize("kind", ["no pooling", "two layers", "largest"])
def test_network_of_another_end_is_served_without_a_head(tmp_path, kind):
    image = keras.Input([16, 16, 3])
    model = keras.Model(image, ends(keras.layers.Conv2D(4, 3)(image), kind))
    runtime = load(model, tmp_path)
    assert runtime.head is None
    np.testing.assert_allclose(runtime.run(IMAGES).sum(axis=1), 1, atol=1e-5)


def test_saved_model_of_another_form_has_no_head(tmp_path):
    module = tf.Module()
    module.other = tf.function(lambda image: image, input_signature=[tf.TensorSpec([1], tf.float32)])
    tf.saved_model.save(module, str(tmp_path))
    assert explainable_function(tf.saved_model.load(str(tmp_path))) is None
