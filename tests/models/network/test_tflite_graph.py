"""Graphs that were changed after conversion give the same answers."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.tools import flatbuffer_utils
from tflite_files import Tensor, write
from trained_models import trained

from models.network.export import export_int8
from models.network.resnet_v2 import ResNetV2
from models.network.tflite_graph import relu_as_requantization, temperature_of, with_short_names, with_temperature
from models.runtime.litert import LiteRTRuntime
from optimize.cost.tflite_file import read_tflite

IMAGES = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), np.uint8)
EVERY_PIXEL = np.arange(256, dtype=np.uint8)


def relu_file(path, *, scale=0.05, zero_point=-128, dtype="INT8"):
    """Pixels as int8 of 1/64 around 0, through a RELU whose output has another range."""
    tensors = [
        Tensor((256,), "UINT8", scale=1 / 64, zero_points=(128,)),
        Tensor((256,), "INT8", scale=1 / 64, zero_points=(0,)),
        Tensor((256,), dtype, scale=scale, zero_points=(zero_point,)),
    ]
    return write(path, tensors, [("QUANTIZE", [0], [1]), ("RELU", [1], [2])])


def output_of(content):
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    [image], [output] = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(image["index"], EVERY_PIXEL)
    interpreter.invoke()
    return interpreter.get_tensor(output["index"]).astype(int)


@pytest.mark.parametrize("scale", [0.05, 1 / 64, 0.0123, 0.001])
def test_quantize_gives_what_relu_gave_for_every_value(tmp_path, scale):
    content = relu_file(tmp_path / "relu.tflite", scale=scale).read_bytes()
    changed = relu_as_requantization(content)
    (tmp_path / "changed.tflite").write_bytes(changed)
    assert read_tflite(tmp_path / "changed.tflite").operators == {"QUANTIZE": 2}
    exact = np.clip(np.maximum(EVERY_PIXEL / 64 - 2, 0) / scale - 128, -128, 127)
    # XNNPACK multiplies by eight bits of the quotient of the scales: a quarter of a step, and half a one for rounding.
    assert np.abs(output_of(changed) - exact).max() <= 0.75
    assert np.abs(output_of(changed) - output_of(content)).max() <= 1


def test_relu_whose_output_can_be_negative_stays(tmp_path):
    content = relu_file(tmp_path / "relu.tflite", zero_point=-100).read_bytes()
    assert relu_as_requantization(content) == content


def test_relu_on_floats_stays(tmp_path):
    path = write(tmp_path / "relu.tflite", [Tensor((4,)), Tensor((4,))], [("RELU", [0], [1])])
    assert relu_as_requantization(path.read_bytes()) == path.read_bytes()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A network's int8 file as it is exported, and with the RELUs that the converter made."""
    folder = tmp_path_factory.mktemp("files")
    model = trained(ResNetV2.of("20", width=8, num_classes=5))
    kernel, bias = model.get_layer("predictions").get_weights()
    model.get_layer("predictions").set_weights([0.1 * kernel, bias])  # so that it is not sure of one class
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.network.export.relu_as_requantization", lambda content: content)
        export_int8(model, folder / "relu.tflite", IMAGES)
    (folder / "exported.tflite").write_bytes(relu_as_requantization((folder / "relu.tflite").read_bytes()))
    return {name: folder / f"{name}.tflite" for name in ("relu", "exported")}


def test_network_has_neither_relus_nor_the_multiplications_of_batch_normalization(files):
    before, after = (read_tflite(files[name]).operators for name in ("relu", "exported"))
    assert before["RELU"] == 7  # where the stream is read; the other ReLUs are within convolutions
    assert not {"RELU", "MUL"} & after.keys()
    assert after["QUANTIZE"] == before["QUANTIZE"] + before["RELU"]


def test_network_gives_nearly_the_same_probabilities(files):
    found = {}
    for name, path in files.items():
        runtime = LiteRTRuntime(path, input_shape=(32, 32, 3), num_classes=5)
        found[name] = runtime.run(IMAGES)
        runtime.close()
    np.testing.assert_allclose(found["exported"], found["relu"], atol=0.02)


def test_graph_without_a_softmax_takes_no_temperature(tmp_path):
    content = relu_file(tmp_path / "relu.tflite").read_bytes()
    for function in (lambda: with_temperature(content, 2), lambda: temperature_of(content)):
        with pytest.raises(ValueError, match="the graph must end with SOFTMAX"):
            function()


def names_in(content):
    tensors = Interpreter(model_content=content).get_tensor_details()
    return {tensor["name"] for tensor in tensors}


def test_tensors_have_the_names_of_their_layers_once_each(files):
    names = names_in(files["exported"].read_bytes())
    assert {"conv4_block3_2_conv", "conv4_block3_2_conv:2", "predictions", "serving_default_image:0"} <= names
    assert not any(";" in name or "/" in name for name in names)
    tensors = flatbuffer_utils.read_model(str(files["exported"])).subgraphs[0].tensors
    assert len({tensor.name for tensor in tensors}) == len(tensors)


def test_short_names_stay_as_they_are(files):
    content = files["exported"].read_bytes()
    assert len(with_short_names(content)) == len(content)
