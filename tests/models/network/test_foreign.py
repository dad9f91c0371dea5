"""Keras files and SavedModels become LiteRT files that answer alike; what runs code is refused before it is loaded."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from ai_edge_litert.interpreter import Interpreter
from keras_files import SIDE_PX, network, rewritten

from models.importing.conversion import CALIBRATION, CONVERTED, Calibration, Source
from models.importing.pixel_range import PixelRange
from models.importing.refused import ForeignModelRefused
from models.network.foreign import convert

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword"),  # of Keras 3
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]

NUMBERS = np.random.default_rng(5).normal(0, 1, (3, SIDE_PX, SIDE_PX, 3)).astype(np.float32)


@pytest.fixture
def converted(tmp_path, monkeypatch):
    """Convert a file in this process; gives what answers to numbers, one by one."""
    folder = tmp_path / "converted"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(file, kind, **others):
        asked = {"size_px": None, "application": None, "num_classes": 3, "cache": str(tmp_path), **others}
        convert({"file": str(file) if file else None, "kind": kind, **asked})
        return Path(CONVERTED).read_bytes()

    return run


def answers(content, numbers=NUMBERS):
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    [taken], [given] = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for picture in numbers:
        interpreter.set_tensor(taken["index"], picture[None].astype(taken["dtype"]))
        interpreter.invoke()
        rows.append(interpreter.get_tensor(given["index"])[0])
    return np.array(rows)


@pytest.mark.parametrize("library", [tf_keras, keras], ids=["keras 2", "keras 3"])
@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_a_keras_file_of_either_release(tmp_path, converted, library, kind):
    model = network(library)
    model.save(tmp_path / f"model.{kind}")
    found = answers(converted(tmp_path / f"model.{kind}", kind))
    np.testing.assert_allclose(found, np.asarray(model(NUMBERS)), atol=1e-5)


def test_a_saved_model(tmp_path, converted):
    model = network(tf_keras)
    model.save(tmp_path / "saved", save_format="tf")
    np.testing.assert_allclose(answers(converted(tmp_path / "saved", "saved_model")), model(NUMBERS), atol=1e-5)


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")
def test_photos_make_it_int8(tmp_path, converted):
    model = network(tf_keras)
    model.save(tmp_path / "model.keras")
    pictures = list(np.random.default_rng(1).integers(0, 256, (8, SIDE_PX, SIDE_PX, 3), dtype=np.uint8))
    calibration = Calibration(pictures, PixelRange("-1..1"), num_channels=3, is_channels_first=False)
    np.save(CALIBRATION, calibration.numbers())
    content = converted(tmp_path / "model.keras", "keras")
    [taken] = Interpreter(model_content=content).get_input_details()
    scale, zero_point = taken["quantization"]
    assert (taken["dtype"], scale, zero_point) == (np.int8, pytest.approx(2 / 255), -1)
    pixels = PixelRange("-1..1").apply(np.stack(pictures[:3]))
    found = answers(content, np.clip(np.rint(pixels / scale) + zero_point, -128, 127))
    np.testing.assert_allclose(found, model(pixels), atol=0.05)


def test_calibration_is_of_the_networks_channels_and_order():
    pictures = [np.zeros((2, 4, 3), np.uint8)]
    gray = Calibration(pictures, PixelRange("0..1"), num_channels=1, is_channels_first=True).numbers()
    assert gray.shape == (2, 1, 2, 4)
    np.testing.assert_allclose(gray[0], [[[0] * 4, [1] * 4]], atol=1e-6)


def saved(folder, function):
    """A SavedModel that serves a function of pictures."""
    module = tf.Module()
    module.serve = tf.function(function, input_signature=[tf.TensorSpec([None, SIDE_PX, SIDE_PX, 3])])
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    return folder


def writes_a_file(image):
    with tf.control_dependencies([tf.io.write_file("/tmp/written", "by a foreign model")]):  # noqa: S108 - it never is
        return tf.nn.softmax(tf.reduce_mean(image, [1, 2]))


def runs_python(image):
    means = tf.py_function(lambda numbers: numbers, [tf.reduce_mean(image, [1, 2])], tf.float32)
    return tf.nn.softmax(tf.ensure_shape(means, [None, 3]))


def loops(image):
    return tf.while_loop(lambda _: True, lambda means: (means,), [tf.reduce_mean(image, [1, 2])])[0]


@pytest.mark.parametrize(
    ("function", "operator"), [(writes_a_file, "WriteFile"), (runs_python, "EagerPyFunc"), (loops, "(Stateless)?While")]
)
@pytest.mark.filterwarnings("ignore")
def test_a_graph_that_does_more_than_compute_is_refused(tmp_path, converted, function, operator):
    with pytest.raises(
        ForeignModelRefused, match=f"its operator '{operator}' .* is not accepted: a classifier computes"
    ):
        converted(saved(tmp_path / "saved", function), "saved_model")


def test_what_no_output_needs_is_never_loaded(tmp_path, converted):
    module = tf.Module()
    picture = tf.TensorSpec([None, SIDE_PX, SIDE_PX, 3])
    module.serve = tf.function(lambda image: tf.nn.softmax(tf.reduce_mean(image, [1, 2])), input_signature=[picture])
    evil = tmp_path / "evil"

    def write():
        tf.io.write_file(str(evil), "written")
        return tf.constant(0)

    module.other = tf.function(write, input_signature=[])
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": module.serve})
    assert answers(converted(tmp_path / "saved", "saved_model")).shape == (3, 3)
    assert not evil.exists()


@pytest.mark.parametrize("content", [b"", b"\x12\x00", b"\xff" * 100])
def test_a_broken_saved_model_is_refused(tmp_path, converted, content):
    (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(ForeignModelRefused, match=r"saved_model.pb is broken|it has no signature 'serving_default'"):
        converted(tmp_path, "saved_model")


def test_two_inputs_are_refused(tmp_path, converted):
    network(tf_keras, inputs=2).save(tmp_path / "two.keras")
    with pytest.raises(ForeignModelRefused, match="it takes 2 inputs; a classifier takes one picture"):
        converted(tmp_path / "two.keras", "keras")


def test_a_lambda_is_refused_by_name_and_never_run(tmp_path, converted):
    network(keras).save(tmp_path / "model.keras")

    def add_lambda(config):
        config["config"]["layers"][1] |= {"class_name": "Lambda"}

    with pytest.raises(
        ForeignModelRefused, match="is a Lambda, which is code of whoever made the file and is never run"
    ):
        converted(rewritten(tmp_path / "model.keras", add_lambda), "keras")


def test_a_network_that_contradicts_its_weights_is_refused(tmp_path, converted):
    network(tf_keras).save(tmp_path / "model.keras")

    def more_channels(config):
        config["config"]["layers"][1]["config"]["filters"] = 7

    with pytest.raises(ForeignModelRefused, match="Keras 2 cannot load it: "):
        converted(rewritten(tmp_path / "model.keras", more_channels), "keras")


@pytest.mark.extended(covers=["models/network/foreign*", "models/importing/*.py"])
def test_weights_of_an_application(tmp_path, converted):
    model = tf_keras.applications.MobileNet(weights=None, classes=3, input_shape=(32, 32, 3))
    model.save_weights(tmp_path / "mobilenet.h5")
    source = Source(tmp_path / "mobilenet.h5", "h5", "MobileNet", 3, (32, 32))
    assert source.name == "MobileNet"
    asked = {"application": "MobileNet", "size_px": (32, 32)}
    numbers = np.random.default_rng(5).normal(0, 1, (2, 32, 32, 3)).astype(np.float32)
    found = answers(converted(source.file, "h5", **asked), numbers)
    np.testing.assert_allclose(found, model(numbers), atol=1e-4)
    with pytest.raises(ForeignModelRefused, match=r"MobileNet of 4 classes cannot take the weights of mobilenet.h5: "):
        converted(source.file, "h5", **asked, num_classes=4)
