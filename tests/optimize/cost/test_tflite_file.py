import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tflite_files import Tensor, colour_classifier, write

from optimize.cost.tflite_file import read_tflite

IMAGE = Tensor((1, 8, 6, 3), "INT8")


def convolution(path, kernel: Tensor, *, bias: Tensor | None = None, image: Tensor = IMAGE, output=(1, 4, 3, 5)):
    tensors = [image, kernel, bias or Tensor((5,), "INT32", np.zeros(5, np.int32)), Tensor(output, "INT8")]
    return read_tflite(write(path / "model.tflite", tensors, [("CONV_2D", [0, 1, 2], [3])]))


def int8_kernel(**changes) -> Tensor:
    kernel = np.ones((5, 3, 3, 3), np.int8)
    kernel[0] = 0
    fields = {"shape": (5, 3, 3, 3), "type": "INT8", "data": kernel, "scale": 0.1, "zero_points": (0,)}
    return Tensor(**{**fields, **changes})


def test_convolution_by_hand(tmp_path):
    file = convolution(tmp_path, int8_kernel())
    assert file.macs == 4 * 3 * 5 * 3 * 3 * 3
    assert file.num_parameters == 5 * 3 * 3 * 3 + 5
    assert file.sparsity == pytest.approx(1 / 5)
    assert dict(file.operators) == {"CONV_2D": 1}
    assert file.float_operators == ()


def test_bytes_are_those_of_the_file_and_of_its_gzip(tmp_path):
    file = convolution(tmp_path, int8_kernel())
    content = (tmp_path / "model.tflite").read_bytes()
    assert (file.num_bytes, file.gzip_bytes) == (len(content), len(gzip.compress(content, 9, mtime=0)))


def test_macs_are_of_one_image_whatever_batch_the_file_was_made_for(tmp_path):
    file = convolution(tmp_path, int8_kernel(), image=Tensor((4, 8, 6, 3), "INT8"), output=(4, 4, 3, 5))
    assert file.macs == 4 * 3 * 5 * 3 * 3 * 3


def test_depthwise_convolution_by_hand(tmp_path):
    kernel = Tensor((1, 3, 3, 6), "INT8", np.ones((1, 3, 3, 6), np.int8))
    tensors = [IMAGE, kernel, Tensor((1, 8, 6, 6), "INT8")]
    file = read_tflite(write(tmp_path / "m.tflite", tensors, [("DEPTHWISE_CONV_2D", [0, 1, -1], [2])]))
    assert (file.macs, file.num_parameters) == (8 * 6 * 6 * 3 * 3, 3 * 3 * 6)


def test_dense_layer_by_hand(tmp_path):
    file = read_tflite(colour_classifier(tmp_path / "m.tflite"))
    assert (file.macs, file.num_parameters) == (3 * 3072, 3 * 3072)
    assert file.sparsity == pytest.approx(2 / 3)
    assert list(file.operators) == ["CAST", "FULLY_CONNECTED", "SOFTMAX"]
    assert file.float_operators == ("CAST", "FULLY_CONNECTED", "SOFTMAX")


def test_zero_is_what_equals_the_zero_point(tmp_path):
    values = np.full((5, 3, 3, 3), 128, np.uint8)
    values[:, 0, 0, 0] = [0, 1, 2, 3, 4]
    kernel = Tensor((5, 3, 3, 3), "UINT8", values, scale=0.1, zero_points=(128,))
    assert convolution(tmp_path, kernel).sparsity == pytest.approx(26 / 27)


def test_zero_points_may_differ_by_channel(tmp_path):
    values = np.tile(np.arange(5, dtype=np.int8)[:, None, None, None], (1, 3, 3, 3))
    kernel = int8_kernel(data=values, zero_points=(0, 1, 2, 9, 9))
    assert convolution(tmp_path, kernel).sparsity == pytest.approx(3 / 5)


def test_int4_kernels_are_two_values_a_byte(tmp_path):
    values = np.zeros(68, np.uint8)  # 135 values and half a byte of padding
    values[0] = 0xF0  # 0 and -1
    assert convolution(tmp_path, int8_kernel(type="INT4", data=values)).sparsity == pytest.approx(134 / 135)


def test_float16_kernels_are_found_behind_their_dequantize(tmp_path):
    kernel = np.ones((5, 3, 3, 3), np.float16)
    kernel[0] = 0
    tensors = [
        Tensor((1, 8, 6, 3)),
        Tensor((5, 3, 3, 3), "FLOAT16", kernel),
        Tensor((5, 3, 3, 3)),
        Tensor((1, 8, 6, 5)),
    ]
    operators = [("DEQUANTIZE", [1], [2]), ("CONV_2D", [0, 2, -1], [3])]
    file = read_tflite(write(tmp_path / "m.tflite", tensors, operators))
    assert (file.num_parameters, file.macs) == (135, 8 * 6 * 135)
    assert file.sparsity == pytest.approx(1 / 5)
    assert file.float_operators == ("DEQUANTIZE", "CONV_2D")


def test_constants_of_mul_and_add_are_parameters_and_a_shared_one_counts_once(tmp_path):
    tensors = [IMAGE, Tensor((3,), "INT8", np.ones(3, np.int8)), *[Tensor((1, 8, 6, 3), "INT8")] * 3]
    operators = [("MUL", [0, 1], [2]), ("ADD", [2, 1], [3]), ("ADD", [3, 2], [4])]
    file = read_tflite(write(tmp_path / "m.tflite", tensors, operators))
    assert (file.num_parameters, file.macs, file.sparsity) == (3, 0, 0.0)
    assert dict(file.operators) == {"MUL": 1, "ADD": 2}


def test_dense_layer_whose_kernel_is_computed_has_work_but_no_parameters(tmp_path):
    tensors = [Tensor((1, 4)), Tensor((2, 4)), Tensor((1, 2))]
    operators = [("FULLY_CONNECTED", [0, 1, -1], [2])]
    file = read_tflite(write(tmp_path / "m.tflite", tensors, operators, inputs=[0, 1]))
    assert (file.macs, file.num_parameters) == (8, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": np.ones(7, np.int8)}, r"a kernel \[5, 3, 3, 3\] has 7 values"),
        ({"shape": (4, 3, 3, 3), "data": np.ones(108, np.int8)}, r"has a kernel \[4, 3, 3, 3\] but gives"),
        ({"type": "INT64", "data": np.ones(135, np.int64)}, "zeros of a kernel of type INT64 cannot be counted"),
        ({"zero_points": (0, 0, 0, 0, 0), "dimension": 7}, "has 5 zero points along 7"),
        ({"zero_points": (0, 0, 0)}, "has 3 zero points along 0"),
    ],
)
def test_kernels_that_contradict_themselves_are_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=rf"model\.tflite cannot be read: .*{message}"):
        convolution(tmp_path, int8_kernel(**changes))


@pytest.mark.parametrize("output", [(), (1, 0, 3, 5), (3, 3, 5)])
def test_outputs_that_do_not_fit_are_refused(tmp_path, output):
    with pytest.raises(ValueError, match=r"a CONV_2D .*gives \["):
        convolution(tmp_path, int8_kernel(), image=Tensor((2, 8, 6, 3), "INT8"), output=output)


def test_files_for_images_of_any_size_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"it takes images of any size: \[-1, -1, -1, 3\]"):
        convolution(tmp_path, int8_kernel(), image=Tensor((1, 1, 1, 3), "INT8", signature=(-1, -1, -1, 3)))


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\x00" * 64, b"PK\x03\x04 something else entirely"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "other.tflite").write_bytes(content)
    with pytest.raises(ValueError, match=r"^other\.tflite cannot be read: it is not a LiteRT file"):
        read_tflite(tmp_path / "other.tflite")


def test_file_cut_short_is_refused(tmp_path):
    content = colour_classifier(tmp_path / "m.tflite").read_bytes()
    (tmp_path / "m.tflite").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"m\.tflite cannot be read: it is a broken LiteRT file"):
        read_tflite(tmp_path / "m.tflite")


@pytest.mark.parametrize(
    ("tensors", "operators", "message"),
    [
        ([IMAGE, IMAGE], [("RELU", [7], [1])], "a tensor's index is not among the 2 that there are"),
        ([IMAGE, IMAGE], [("RELU", [-2], [1])], "a tensor's index is not among the 2 that there are"),
        ([IMAGE, Tensor((1,) * 9)], [("RELU", [0], [1])], "a list of numbers has 9 entries; at most 8 are accepted"),
        ([IMAGE, Tensor((1, -3))], [("RELU", [0], [1])], r"a tensor has shape \[1, -3\]"),
        ([IMAGE, IMAGE], [("ADD", [0] * 5000, [1])], "a list of numbers has 5000 entries; at most 4096 are accepted"),
        ([IMAGE, IMAGE], [], "it must have operators, inputs and outputs"),
    ],
)
def test_graphs_that_contradict_themselves_are_refused(tmp_path, tensors, operators, message):
    with pytest.raises(ValueError, match=rf"model\.tflite cannot be read: {message}"):
        read_tflite(write(tmp_path / "model.tflite", tensors, operators))


@given(st.data())
def test_any_changed_bytes_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("hostile") / "m.tflite"
    tensors = [IMAGE, int8_kernel(), Tensor((1, 8, 6, 5), "INT8")]
    content = bytearray(write(path, tensors, [("CONV_2D", [0, 1, -1], [2])]).read_bytes())
    for place in data.draw(st.lists(st.integers(8, len(content) - 1), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    try:
        file = read_tflite(path)
    except ValueError:
        return
    assert file.num_bytes == len(content)
