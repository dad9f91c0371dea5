import numpy as np
import pytest
from tflite_files import Tensor, colour_classifier, one_at_a_time, write
from toy_data import toy_images

from models.errors import RunFailed
from optimize.report.external import ExternalClassifier, pixel_values, probabilities


@pytest.mark.parametrize("dtype", ["UINT8", "INT8", "FLOAT32"])
@pytest.mark.parametrize("ends_in_softmax", [True, False])
def test_raw_pixels_are_classified_whatever_type_the_input_has(tmp_path, dtype, ends_in_softmax):
    images, targets = toy_images(12, seed=0)
    path = colour_classifier(tmp_path / "m.tflite", dtype=dtype, ends_in_softmax=ends_in_softmax)
    classifier = ExternalClassifier(path, num_classes=3)
    assert (classifier.input_shape, classifier.input_dtype) == ((32, 32, 3), dtype.lower())
    for size in (12, 5, 1):
        found = classifier.run(list(images[:size]))
        assert (found.dtype, found.shape) == (np.float32, (size, 3))
        np.testing.assert_array_equal(found.argmax(axis=1), targets[:size])
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    classifier.close()
    classifier.close()


def test_file_for_one_image_at_a_time_gets_them_one_by_one(tmp_path):
    classifier = ExternalClassifier(one_at_a_time(tmp_path / "m.tflite"), num_classes=3)
    np.testing.assert_allclose(classifier.run(np.ones((5, 32, 32, 3), np.uint8)), np.full((5, 3), 1 / 3), rtol=1e-6)


def test_images_of_another_size_are_refused(tmp_path):
    classifier = ExternalClassifier(colour_classifier(tmp_path / "m.tflite"), num_classes=3)
    with pytest.raises((ValueError, RunFailed), match="images must be"):
        classifier.run([np.zeros((8, 8, 3), np.uint8)])


@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point", "expected"),
    [
        ("uint8", 0.0, 0, [0, 100, 255]),
        ("uint8", 1 / 64, 128, [0, 100, 255]),
        ("uint8", 1.0, 0, [0, 100, 255]),
        ("int8", 1.0, -128, [-128, -28, 127]),
        ("int8", 0.98, -128, [-128, -26, 127]),
        ("float32", 0.0, 0, [0.0, 100.0, 255.0]),
    ],
)
def test_pixels_are_quantized_as_the_input_says(dtype, scale, zero_point, expected):
    values = pixel_values(dtype, scale, zero_point)
    assert values.dtype == dtype
    assert values[[0, 100, 255]].tolist() == expected


@pytest.mark.parametrize(
    ("dtype", "scale", "message"),
    [("int8", 1 / 64, "its int8 values have scale 0.015625"), ("int8", 0.0, "scale 0"), ("int16", 1.0, "got int16")],
)
def test_inputs_that_take_no_raw_pixels_are_refused(dtype, scale, message):
    with pytest.raises(ValueError, match=message):
        pixel_values(dtype, scale, 0)


def test_probabilities_stay_as_they_are():
    quantized = np.array([[-128, 127, -128], [-43, -43, -43]], np.int8)
    expected = [[0, 255 / 256, 0], [85 / 256] * 3]
    np.testing.assert_allclose(probabilities(quantized, scale=1 / 256, zero_point=-128), expected, rtol=1e-6)


def test_logits_become_probabilities_in_the_same_order():
    logits = np.array([[2.0, -1.0, 0.0], [800.0, 0.0, 1.0]], np.float32)
    found = probabilities(logits, scale=0.0, zero_point=0)
    powers = np.exp([2.0, -1.0, 0.0])
    np.testing.assert_allclose(found, [powers / powers.sum(), [1, 0, 0]], rtol=1e-6)


def test_files_that_are_no_such_classifier_are_refused(tmp_path):
    path = colour_classifier(tmp_path / "colours.tflite")
    with pytest.raises(ValueError, match=r"colours\.tflite must give \[N, 4\] numbers"):
        ExternalClassifier(path, num_classes=4)
    grey = [Tensor((1, 32, 32, 1)), Tensor((3, 1024), data=np.ones((3, 1024), np.float32)), Tensor((1, 3))]
    with pytest.raises(ValueError, match=r"grey\.tflite must take images of a fixed size, \[N, H, W, 3\]"):
        ExternalClassifier(write(tmp_path / "grey.tflite", grey, [("FULLY_CONNECTED", [0, 1, -1], [2])]), num_classes=3)
    (tmp_path / "broken.tflite").write_bytes(b"TFL3")
    with pytest.raises(ValueError, match=r"broken\.tflite cannot be loaded by LiteRT"):
        ExternalClassifier(tmp_path / "broken.tflite", num_classes=3)
