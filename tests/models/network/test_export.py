"""Exported files, seen through the runtime that serves them."""

import gc
from contextlib import closing
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from models.network.export import (
    ExportError,
    export_dynamic,
    export_float16,
    export_float32,
    export_int8,
    export_saved_model,
)
from models.network.normalization import PIXEL_MEAN, PIXEL_STD, normalize
from models.network.resnet_v2 import ResNetV2, build
from models.network.tflite_graph import temperature_of, with_temperature
from models.runtime.litert import LiteRTRuntime
from models.runtime.tensorflow import TensorFlowRuntime

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)


EXPORTS = {
    "float32": export_float32,
    "float16": export_float16,
    "dynamic": export_dynamic,
    "int8": partial(export_int8, calibration_images=IMAGES),
    "SavedModel float32": partial(export_saved_model, precision="float32"),
    "SavedModel float16": partial(export_saved_model, precision="float16"),
}


@pytest.fixture(scope="module", params=["batch", "group"])
def model(request):
    keras.utils.set_random_seed(0)
    model = build(ResNetV2.of("8", width=8, norm=request.param))
    rng = np.random.default_rng(2)
    # An untrained classifier gives every class the same probability; this one has opinions.
    model.get_layer("predictions").set_weights([0.2 * rng.normal(size=(32, 10)), rng.normal(size=10)])
    return model


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    """Exports the model by one of EXPORTS, once; returns the path."""
    folder = tmp_path_factory.mktemp("exported")

    @cache
    def exported(kind):
        EXPORTS[kind](model, folder / kind)
        return folder / kind

    return exported


def probabilities_of(path):
    with closing(LiteRTRuntime(path, input_shape=(32, 32, 3), num_classes=10)) as runtime:
        return runtime.run(IMAGES)


def keras_probabilities(model):
    return tf.nn.softmax(model(normalize(IMAGES), training=False)).numpy()


@pytest.mark.parametrize(
    ("kind", "tolerance", "sum_tolerance"),
    [("float32", 1e-5, 1e-5), ("float16", 0.01, 1e-6), ("dynamic", 0.05, 1e-6), ("int8", 0.1, 1e-6)],
)
def test_file_gives_the_probabilities_of_the_model(model, exported, kind, tolerance, sum_tolerance):
    probabilities = probabilities_of(exported(kind))
    np.testing.assert_allclose(probabilities, keras_probabilities(model), atol=tolerance)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=sum_tolerance)


@pytest.mark.parametrize(("kind", "max_size"), [("float16", 0.65), ("dynamic", 0.5)])
def test_smaller_weights_make_a_smaller_file(exported, kind, max_size):
    assert exported(kind).stat().st_size < max_size * exported("float32").stat().st_size


@pytest.mark.parametrize(("export", "dtype"), [(export_float16, np.float16), (export_dynamic, np.int8)])
def test_large_kernels_are_stored_in_the_precision_that_the_file_is_named_by(tmp_path, export, dtype):
    export(build(ResNetV2.of("8", width=16)), tmp_path / "model.tflite")
    interpreter = tf.lite.Interpreter(model_path=str(tmp_path / "model.tflite"))
    kernels = [
        tensor["dtype"]
        for tensor in interpreter.get_tensor_details()
        if len(tensor["shape"]) == 4 and np.prod(tensor["shape"]) == 3 * 3 * 64 * 64
    ]
    assert dtype in kernels
    del interpreter
    gc.collect()


def test_int8_file_is_int8_but_for_the_softmax(exported):
    interpreter = tf.lite.Interpreter(model_path=str(exported("int8")))
    details = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    operators = [op for op in interpreter._get_ops_details() if op["op_name"] != "DELEGATE"]
    in_float = [
        op["op_name"]
        for op in operators
        if any(details[i]["dtype"] == np.float32 for i in op["inputs"] if i in details)
    ]
    assert in_float == ["SOFTMAX"]
    [image] = interpreter.get_input_details()
    assert (image["dtype"], image["quantization"]) == (np.uint8, (1 / PIXEL_STD, PIXEL_MEAN))
    del interpreter
    gc.collect()


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("float16", 0.01)])
def test_saved_model_gives_the_probabilities_of_the_model(model, exported, precision, tolerance):
    folder, options = exported(f"SavedModel {precision}"), {"input_shape": (32, 32, 3), "num_classes": 10}
    with closing(TensorFlowRuntime(folder, batch_sizes=(len(IMAGES),), measure=lambda _: 1.0, **options)) as runtime:
        probabilities = runtime.run(IMAGES)
    np.testing.assert_allclose(probabilities, keras_probabilities(model), atol=tolerance)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("kind", ["float32", "float16", "dynamic", "int8"])
def test_temperature_divides_the_logits_of_a_file_of_any_precision(exported, tmp_path, kind):
    content = exported(kind).read_bytes()
    assert temperature_of(content) == 1
    (tmp_path / "divided.tflite").write_bytes(with_temperature(with_temperature(content, 3), 0.7312))
    assert temperature_of((tmp_path / "divided.tflite").read_bytes()) == 0.7312
    logits = np.log(probabilities_of(exported(kind)).astype(np.float64)) / 0.7312
    exact = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities_of(tmp_path / "divided.tflite"), exact, atol=1e-6)


def test_temperature_divides_the_logits_of_a_saved_model_and_leaves_its_weights(model, tmp_path):
    export_saved_model(model, tmp_path / "saved_model", "float32", temperature=0.5)
    served = tf.saved_model.load(str(tmp_path / "saved_model"))
    found = served.signatures["serving_default"](tf.constant(IMAGES))["probabilities"].numpy()
    logits = model(normalize(IMAGES), training=False)
    np.testing.assert_allclose(found, tf.nn.softmax(2 * logits).numpy(), atol=1e-5)
    checkpoint = tf.train.load_checkpoint(str(tmp_path / "saved_model" / "variables" / "variables"))
    last = checkpoint.get_tensor(f"owned/{len(model.weights) - 1}/.ATTRIBUTES/VARIABLE_VALUE")
    np.testing.assert_array_equal(last, model.weights[-1].numpy())


def test_saved_model_has_half_the_size_in_float16(exported):
    float32, float16 = (
        next((exported(f"SavedModel {precision}") / "variables").glob("*.data-*")).stat().st_size
        for precision in ("float32", "float16")
    )
    assert float16 < 0.6 * float32


def test_normalization_is_exact_on_the_int8_grid():
    pixels = np.arange(256)
    np.testing.assert_array_equal(normalize(pixels).numpy() * PIXEL_STD, pixels - 128)


def test_input_that_does_not_take_pixels_as_they_are_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("models.network.export.PIXEL_STD", 50.0)
    with pytest.raises(ExportError, match=r"input must have scale 0\.02 and zero point 128, got 0\.015625"):
        export_int8(build(ResNetV2.of("8", width=8)), tmp_path / "model.tflite", IMAGES)
    assert not (tmp_path / "model.tflite").exists()


def test_export_that_is_cut_short_leaves_the_file_as_it_was(model, tmp_path, monkeypatch):
    file = tmp_path / "float32.tflite"
    file.write_bytes(b"before")

    def half(path, content):
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(KeyboardInterrupt):
        export_float32(model, file)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("float32.tflite", b"before")]
