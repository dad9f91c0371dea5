"""int8 weights whose products fit into the 16 bits that processors without VNNI add them in."""

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tflite_files import Tensor, write

from models.network.saturation import LARGEST_SUM, saturates, sums_of_neighbours, without_saturation
from models.portable.description import packed, unpacked
from models.store.repository import Repository

ZOO = Repository(Path(__file__).resolve().parents[3] / "models" / "zoo")
NUM_CHANNELS, NUM_INPUTS = 4, 32
RNG = np.random.default_rng(0)
KERNELS = arrays.arrays(np.int8, (NUM_CHANNELS, NUM_INPUTS), elements=st.integers(-127, 127))
BIAS = np.array([1000, -2000, 0, 77], np.int32)


def layer_file(path, kernel, *, name="FULLY_CONNECTED", type="INT8", num_scales=NUM_CHANNELS):
    """One layer of int8, with steps of 0.5 for pixels and of 0.01 for weights."""
    tensors = [
        Tensor((1, NUM_INPUTS), "INT8", scale=0.5, zero_points=(-128,)),
        Tensor(kernel.shape, type, kernel, scale=0.01, zero_points=(0,) * num_scales),
        Tensor(BIAS.shape, "INT32", BIAS, scale=0.005, zero_points=(0,) * num_scales),
        Tensor((1, NUM_CHANNELS), "INT8", scale=2.0, zero_points=(0,)),
    ]
    return write(path, tensors, [(name, [0, 1, 2], [3])]).read_bytes()


def kernel_of(content):
    model = unpacked(content)
    kernel = model.subgraphs[0].tensors[1]
    values = np.frombuffer(bytes(model.buffers[kernel.buffer].data), np.int8).reshape(kernel.shape)
    return values.astype(int), np.asarray(kernel.quantization.scale)


def added_by_twos(pixels, weights):
    """What VPMADDUBSW gives, [N / 2]: sums of two products of unsigned and signed bytes, held to 16 bits."""
    return np.clip((pixels * weights).reshape(-1, 2).sum(axis=1), -(2**15), 2**15 - 1)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([100, 60, -1, 0], 160),
        ([-1, 100, 60, 0], 100),  # those in the middle are not added
        ([-1, 100, 60], 160),  # unless an odd number is filled up in front of them
        ([100, -60, 100, -60], 100),  # products of both signs make up for each other
        ([1, 0, -80, -70], 150),
        ([0, 0, 0, 0], 0),
        ([127], 0),
    ],
)
def test_neighbours_of_one_sign_are_what_is_added(row, expected):
    assert sums_of_neighbours(np.array([row], np.int8)).tolist() == [expected]


def test_last_of_an_odd_number_of_channels_and_first_at_the_next_place_are_neighbours():
    kernel = np.zeros((1, 2, 1, 3), np.int8)
    kernel[0, 0, 0, 2] = kernel[0, 1, 0, 0] = 100
    assert sums_of_neighbours(kernel).tolist() == [200]


@pytest.mark.parametrize(("weights", "exceeds"), [((64, 64), False), ((65, 64), True), ((-64, -64), False)])
def test_limit_is_that_of_sixteen_bits(tmp_path, weights, exceeds):
    kernel = np.zeros((NUM_CHANNELS, NUM_INPUTS), np.int8)
    kernel[2, 8:10] = weights
    by_twos = added_by_twos(np.full(2, 255), np.array(weights)).tolist()
    assert (by_twos != [255 * sum(weights)]) is exceeds
    assert saturates(layer_file(tmp_path / "layer.tflite", kernel)) is exceeds


@given(KERNELS)
def test_no_pixels_saturate_any_two_neighbours(tmp_path_factory, kernel):
    content = without_saturation(layer_file(tmp_path_factory.mktemp("layer") / "layer.tflite", kernel))
    weights, _ = kernel_of(content)
    assert saturates(content) is False
    assert np.abs(weights).max() <= 127
    for row in weights:
        for pixels in (255 * (row > 0), 255 * (row < 0), RNG.integers(0, 256, NUM_INPUTS)):
            assert added_by_twos(pixels, row).sum() == (pixels * row).sum()


@given(KERNELS)
def test_weights_stay_within_half_a_step(tmp_path_factory, kernel):
    before = layer_file(tmp_path_factory.mktemp("layer") / "layer.tflite", kernel)
    weights, scales = kernel_of(without_saturation(before))
    kept = sums_of_neighbours(kernel) <= LARGEST_SUM
    np.testing.assert_array_equal(weights[kept], kernel[kept])
    np.testing.assert_allclose(scales[kept], 0.01)
    assert scales.max() <= 0.02001
    assert np.all(np.abs(weights * scales[:, None] - kernel * 0.01) <= 0.5001 * scales[:, None])


def outputs(content, pixels):
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    [image], [output] = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(image["index"], pixels[None])
    interpreter.invoke()
    return interpreter.get_tensor(output["index"]).astype(int)


@pytest.mark.parametrize("num_scales", [NUM_CHANNELS, 1])
def test_layer_computes_what_it_did_and_is_written_once(tmp_path, num_scales):
    kernel = RNG.integers(-127, 128, (NUM_CHANNELS, NUM_INPUTS)).astype(np.int8)
    before = layer_file(tmp_path / "layer.tflite", kernel, num_scales=num_scales)
    after = without_saturation(before)
    assert (saturates(before), saturates(after)) == (True, False)
    assert without_saturation(after) == after
    pixels = RNG.integers(-128, 128, NUM_INPUTS).astype(np.int8)
    assert np.abs(outputs(before, pixels)).max() > 20  # so that a bias of another scale would show
    assert np.abs(outputs(before, pixels) - outputs(after, pixels)).max() <= 2


def test_weights_of_the_float32_file_are_what_is_rounded(tmp_path):
    weights = RNG.uniform(-1.27, 1.27, (NUM_CHANNELS, NUM_INPUTS)).astype(np.float32)
    content = layer_file(tmp_path / "int8.tflite", np.rint(100 * weights).astype(np.int8))
    # With the normalization in it, as in a first layer.
    floats = layer_file(tmp_path / "float32.tflite", weights / 64, type="FLOAT32")
    rounded, scales = kernel_of(without_saturation(content, floats))
    assert np.abs(rounded * scales[:, None] - weights).max() <= 0.5001 * scales.max()
    others = layer_file(tmp_path / "others.tflite", np.roll(weights, 1), type="FLOAT32")
    with pytest.raises(ValueError, match=r"must be of one network: weights \[4, 32\] of one are not the"):
        without_saturation(content, others)


def test_mean_of_each_channel_stays_where_images_tell_it(tmp_path):
    kernel = RNG.integers(-127, 128, (NUM_CHANNELS, NUM_INPUTS)).astype(np.int8)
    before = layer_file(tmp_path / "layer.tflite", kernel)
    images = RNG.integers(50, 128, (20, NUM_INPUTS)).astype(np.int8)

    def mean_outputs(content):
        model = unpacked(content)
        bias = model.subgraphs[0].tensors[2]
        values = np.frombuffer(bytes(model.buffers[bias.buffer].data), np.int32) * np.asarray(bias.quantization.scale)
        weights, scales = kernel_of(content)
        return 0.5 * (images + 128.0).mean(axis=0) @ (weights * scales[:, None]).T + values

    expected = mean_outputs(before)
    assert np.abs(mean_outputs(without_saturation(before, images=images)) - expected).max() < 0.01  # two steps
    assert np.abs(mean_outputs(without_saturation(before)) - expected).max() > 0.1


def test_kernel_that_shares_its_bytes_leaves_them_to_the_other(tmp_path):
    content = layer_file(tmp_path / "layer.tflite", np.full((NUM_CHANNELS, NUM_INPUTS), 127, np.int8))
    model = unpacked(content)
    tensors = model.subgraphs[0].tensors
    tensors[0].buffer = tensors[1].buffer
    changed = unpacked(without_saturation(packed(model)))
    shared, kernel = (bytes(changed.buffers[tensor.buffer].data) for tensor in changed.subgraphs[0].tensors[:2])
    assert (set(shared), set(kernel)) == ({127}, {64})


def test_depthwise_convolution_and_floats_stay(tmp_path):
    kernel = np.full((1, 2, 4, 4), 127, np.int8)
    depthwise = layer_file(tmp_path / "depthwise.tflite", kernel, name="DEPTHWISE_CONV_2D")
    floats = layer_file(tmp_path / "floats.tflite", kernel.astype(np.float32), type="FLOAT32")
    for content in (depthwise, floats):
        assert saturates(content) is None
        assert without_saturation(content) == content


@pytest.mark.parametrize("name", ZOO.names())
def test_no_pixels_saturate_a_shipped_model(name):
    artifact = ZOO.load(name)
    assert saturates(artifact.model_path("litert").read_bytes()) is False
    assert artifact.manifest.formats["litert"].saturates is False
