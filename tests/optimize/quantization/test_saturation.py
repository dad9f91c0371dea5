"""Weights are rounded so that no products saturate where the gate finds that to cost little."""

import numpy as np
import pytest
from tflite_files import Tensor, write

from models.network.saturation import saturates
from optimize.quantization.saturation import answers_to, keep_from_saturating

TARGETS = np.zeros(4000, np.int64)
IMAGES = list(np.random.default_rng(0).integers(0, 256, (40, 1, 4, 3), np.uint8))


@pytest.fixture
def file(tmp_path):
    """Pixels to the probabilities of two classes by an int8 layer that saturates."""
    tensors = [
        Tensor((1, 1, 4, 3), "UINT8", scale=1 / 64, zero_points=(128,), signature=(-1, 1, 4, 3)),
        Tensor((1, 1, 4, 3), "INT8", scale=1 / 64, zero_points=(0,), signature=(-1, 1, 4, 3)),
        Tensor((2, 12), "INT8", np.array([[127] * 12, [-127] * 12], np.int8), scale=0.001, zero_points=(0, 0)),
        Tensor((1, 2), "INT8", scale=0.05, zero_points=(0,), signature=(-1, 2)),
        Tensor((1, 2), signature=(-1, 2)),
        Tensor((1, 2), signature=(-1, 2)),
    ]
    steps = [
        ("QUANTIZE", [0], [1]),
        ("FULLY_CONNECTED", [1, 2, -1], [3]),
        ("DEQUANTIZE", [3], [4]),
        ("SOFTMAX", [4], [5]),
    ]
    return write(tmp_path / "int8.tflite", tensors, steps)


def answers(num_right):
    right = np.arange(len(TARGETS)) < num_right
    return np.where(right[:, None], np.float32([0.9, 0.1]), np.float32([0.1, 0.9]))


@pytest.mark.parametrize(("num_right_after", "is_kept"), [(3000, False), (2990, True), (2900, True), (3100, False)])
def test_more_than_a_tenth_of_a_point_is_too_much(file, num_right_after, is_kept):
    before = file.read_bytes()

    def validate(path):
        return answers(3000 if saturates(path.read_bytes()) else num_right_after)

    verdict = keep_from_saturating(file, validate, TARGETS, other_images=IMAGES)
    assert verdict.is_within is not is_kept
    points = (num_right_after - 3000) / 40
    assert verdict.reason.startswith(f"top-1 {points:+.2f} points (")
    assert "on 4,000 validation images against weights that may" in verdict.reason
    assert (file.read_bytes() == before) is is_kept
    assert saturates(file.read_bytes()) is is_kept
    assert [path.name for path in file.parent.iterdir()] == ["int8.tflite"]


def test_where_images_are_few_what_counts_is_how_much_more_is_lost_by_the_probabilities_of_float32(file):
    float_file = file.with_name("float32.tflite")
    float_file.write_bytes(file.read_bytes())

    def validate(path):
        """Labels of 60 images are another in int8, wherever weights are, and of 40 others in both: 0.8 each."""
        found = answers(len(TARGETS))[:1000]
        if path != float_file:
            found[:60] = found[:60, ::-1]
        if path.name == "int8.tflite" and saturates(path.read_bytes()):
            found[100:140] = found[100:140, ::-1]
        return found

    verdict = keep_from_saturating(file, validate, TARGETS[:1000], other_images=IMAGES, float_file=float_file)
    assert verdict.is_within  # it is better by 40 labels
    assert "of 1,040 images, 94.23 % have the label of float32 (90.38 % before)" in verdict.reason
    assert "cost 4.62 points by its probabilities (7.69); 0.1 more are allowed" in verdict.reason


def test_each_image_gets_its_own_answer(file):
    found = answers_to(IMAGES, file, num_classes=2)
    assert found.shape == (40, 2)
    np.testing.assert_allclose(found[33], answers_to(IMAGES[33:34], file, num_classes=2)[0], atol=1e-6)


def test_float32_file_of_another_network_is_for_the_gate_to_find(file, tmp_path):
    other = write(tmp_path / "float32.tflite", *layer_of_its_own())
    verdict = keep_from_saturating(file, lambda _: answers(3000), TARGETS, other_images=IMAGES, float_file=other)
    assert verdict.is_within
    assert not saturates(file.read_bytes())


def layer_of_its_own():
    """The same layer with other weights, float32."""
    weights = np.random.default_rng(1).standard_normal((2, 12)).astype(np.float32)
    tensors = [
        Tensor((1, 1, 4, 3), "UINT8", scale=1 / 64, zero_points=(128,), signature=(-1, 1, 4, 3)),
        Tensor((1, 1, 4, 3), signature=(-1, 1, 4, 3)),
        Tensor((2, 12), data=weights),
        Tensor((1, 2), signature=(-1, 2)),
        Tensor((1, 2), signature=(-1, 2)),
    ]
    steps = [("DEQUANTIZE", [0], [1]), ("FULLY_CONNECTED", [1, 2, -1], [3]), ("SOFTMAX", [3], [4])]
    return tensors, steps
