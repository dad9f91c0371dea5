"""ONNX classifiers of strangers become files that take pixels and give probabilities."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed: requirements/serve-onnx.txt")
pytest.importorskip("models.runtime.onnxruntime", reason="onnxruntime is not installed: requirements/serve-onnx.txt")

import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx_models import colour_classifier, model_of, served_classifier

from models.importing.litert_file import Wanted
from models.importing.onnx_classifier import as_onnx_classifier
from models.importing.onnx_temperature import divided_onnx
from models.importing.pixel_range import AS_QUANTIZED, PixelRange
from models.importing.refused import ForeignModelRefused
from models.runtime.model_file import load_file

COLOURS = ("red", "green", "blue")
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)


def classifier_of(model, name="0..1", *, labels=COLOURS, **wanted):
    channels = wanted.pop("channels", "RGB")
    return as_onnx_classifier(model.SerializeToString(), Wanted(labels, PixelRange(name, channels), **wanted))


def answers_of(classifier, images, folder):
    file = folder / "model.onnx"
    file.write_bytes(classifier.content)
    shape = (classifier.height_px, classifier.width_px, 3)
    with closing(load_file(file, input_shape=shape, num_classes=classifier.num_classes)) as runtime:
        return runtime.run(images)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def network_answers(model, images, pixels):
    """What the stranger's own program would get: pixels of its range and order through the file as it was."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    given = pixels.apply(images)
    given = given.transpose(0, 3, 1, 2) if session.get_inputs()[0].shape[1] == 3 else given
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: image[None].astype(np.float32)})[0] for image in given])


@pytest.mark.parametrize("shape", [("N", 3, 8, 8), (1, 3, 8, 8), ("N", 8, 8, 3), (None, 3, 8, 8)])
@pytest.mark.parametrize(
    ("name", "channels"), [("0..1", "RGB"), ("-1..1", "BGR"), ("imagenet", "RGB"), ("caffe", "BGR"), ("0..255", "RGB")]
)
def test_pixels_of_any_range_and_order_reach_the_network_as_it_was_trained(shape, name, channels, tmp_path):
    model, pixels = colour_classifier(shape=shape, scale=0.5), PixelRange(name, channels)
    made = classifier_of(model, name, channels=channels)
    expected = softmax(network_answers(model, IMAGES, pixels))
    np.testing.assert_allclose(answers_of(made, IMAGES, tmp_path), expected, atol=2e-5)
    assert (made.precision, made.model_format, made.num_classes) == ("float32", "onnx", 3)


@pytest.mark.parametrize(
    ("ends_with", "gave"),
    [
        ("logits", "3 outputs: logits, behind which a softmax was put"),
        ("softmax", "3 outputs: probabilities of its softmax"),
        ("log_softmax", "3 outputs: logarithms of probabilities"),
    ],
)
def test_what_it_gives_becomes_probabilities_once(ends_with, gave, tmp_path):
    made = classifier_of(colour_classifier(ends_with=ends_with))
    expected = answers_of(classifier_of(colour_classifier()), IMAGES, tmp_path)
    np.testing.assert_allclose(answers_of(made, IMAGES, tmp_path), expected, atol=1e-6)
    assert made.gave == gave


def test_one_number_of_a_sigmoid_is_the_second_of_two_labels(tmp_path):
    model = colour_classifier(ends_with="one")
    found = answers_of(classifier_of(model, labels=("other", "red")), IMAGES, tmp_path)
    np.testing.assert_allclose(found[:, 1], network_answers(model, IMAGES, PixelRange("0..1"))[:, 0], atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_a_background_in_front_is_cut_off(tmp_path):
    made = classifier_of(colour_classifier(num_outputs=4), has_background=True)
    expected = answers_of(classifier_of(colour_classifier()), IMAGES, tmp_path)
    np.testing.assert_allclose(answers_of(made, IMAGES, tmp_path), expected, atol=1e-6)
    assert made.gave.startswith("4 outputs, the first of a background, which was cut off")


def test_a_first_label_that_no_output_is_of_is_left_out():
    made = classifier_of(colour_classifier(), labels=("background", *COLOURS))
    assert (made.drops_label, made.num_classes) == (True, 3)


def test_bytes_are_taken_as_they_are_by_a_network_of_bytes(tmp_path):
    made = classifier_of(colour_classifier(shape=("N", 8, 8, 3), kind="uint8", scale=0.1), AS_QUANTIZED)
    expected = softmax(IMAGES.mean(axis=(1, 2)) * 0.1)
    np.testing.assert_allclose(answers_of(made, IMAGES, tmp_path), expected, atol=1e-5)
    assert made.took == "uint8 pictures of 8 x 8 px, 3 channels"


def test_gray_pictures_are_made_of_three_channels():
    made = classifier_of(colour_classifier(shape=("N", 1, 8, 8)), "0..1")
    assert (made.num_channels, made.is_channels_first) == (1, True)


def test_an_input_of_any_size_gets_one():
    model = colour_classifier(shape=("N", 3, None, None))
    assert (classifier_of(model, size_px=(12, 20)).height_px, classifier_of(model, size_px=(12, 20)).width_px) == (
        12,
        20,
    )
    with pytest.raises(ForeignModelRefused, match=r"it takes pictures of any size, .*: give --size PX or HxW"):
        classifier_of(model)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (colour_classifier(ends_with="sigmoid"), r"it gives each of 3 labels a probability of its own \(sigmoid\)"),
        (
            colour_classifier(num_outputs=7),
            r"it gives logits \[1, 7\], of which none has a number for each of 3 labels",
        ),
        (colour_classifier(shape=("N", 4, 8, 8)), r"it takes float32 \[-1, 4, 8, 8\]; a classifier takes one picture"),
        (colour_classifier(shape=(4, 3, 8, 8)), "it takes 4 pictures at once"),
        (colour_classifier(shape=("N", 3, 9999, 9999)), "it takes pictures of 9999 x 9999 px; at most"),
    ],
)
def test_what_is_no_classifier_of_pictures_is_refused(model, said):
    with pytest.raises(ForeignModelRefused, match=said):
        classifier_of(model)


def test_a_range_that_is_not_told_is_asked_for():
    with pytest.raises(ForeignModelRefused, match=r"it takes float32, and pixels of a range: give --range -1\.\.1"):
        classifier_of(colour_classifier(), AS_QUANTIZED)
    with pytest.raises(ForeignModelRefused, match="it takes uint8, which are bytes as they are: leave --range out"):
        classifier_of(colour_classifier(shape=("N", 8, 8, 3), kind="uint8"), "0..1")


def network_of(*nodes, constants):
    image = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["N", 3, 8, 8])
    answers = helper.make_tensor_value_info("answers", TensorProto.FLOAT, None)
    return model_of(nodes, [image], [answers], constants)


def test_a_network_of_one_picture_at_a_time_is_refused():
    model = network_of(
        helper.make_node("Flatten", ["pixels"], ["rows"]),
        helper.make_node("Slice", ["rows", "from", "to"], ["few"]),
        helper.make_node("Add", ["few", "shift"], ["answers"]),
        constants={"from": np.array([0, 0]), "to": np.array([1, 3]), "shift": np.full((1, 3), -9, np.float32)},
    )
    with pytest.raises(ForeignModelRefused, match=r"one picture at a time|not alone"):
        classifier_of(model)


def test_what_onnx_runtime_cannot_run_is_told_in_its_words():
    model = network_of(
        helper.make_node("MatMul", ["pixels", "weights"], ["answers"]),
        constants={"weights": np.ones((5, 3), np.float32)},
    )
    with pytest.raises(ForeignModelRefused, match=r"^ONNX Runtime cannot (load|run) it: "):
        classifier_of(model)


def test_a_temperature_divides_logits_and_stays_readable(tmp_path):
    made = classifier_of(colour_classifier(scale=0.5))
    before = answers_of(made, IMAGES, tmp_path)
    content, temperature = divided_onnx(made.content, 2.0)
    assert temperature == 2.0
    assert divided_onnx(content, 1.5)[1] == 3.0
    (tmp_path / "model.onnx").write_bytes(content)
    with closing(load_file(tmp_path / "model.onnx", input_shape=(8, 8, 3), num_classes=3)) as runtime:
        np.testing.assert_allclose(runtime.run(IMAGES), softmax(np.log(before) / 2), atol=1e-6)


def test_a_file_of_ours_can_be_imported_again(tmp_path):
    labels = tuple("abcdefghij")
    content = served_classifier()
    made = as_onnx_classifier(content, Wanted(labels, PixelRange(AS_QUANTIZED)))
    images = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), np.uint8)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(answers_of(made, images, tmp_path), session.run(None, {"image": images})[0], atol=1e-5)
    onnx.checker.check_model(onnx.ModelProto.FromString(made.content), full_check=True)
