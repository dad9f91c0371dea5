"""The classifier's head is found in a file, where there is one, and its feature maps become an output of a copy."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given
from hypothesis import strategies as st
from tflite_files import colour_classifier, one_at_a_time, pooled_classifier

from models.explanation.litert_graph import OUTPUT_BYTES, LiteRTGraph, with_outputs

WEIGHTS, BIAS = [[0.1, 0, 0], [0, 0.2, 0], [0, 0, 0.3], [0.1, 0.1, 0.1]], [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("pooling", ["MEAN", "AVERAGE_POOL_2D"])
def test_head_behind_global_pooling_is_found(tmp_path, pooling):
    content = pooled_classifier(tmp_path / "a.tflite", WEIGHTS, BIAS, pooling=pooling).read_bytes()
    head = LiteRTGraph(content).head()
    assert (head.tensor, head.shape, head.dtype, head.scale, head.zero_point) == (1, (32, 32, 3), "float32", 1.0, 0)
    np.testing.assert_array_equal(head.weights, np.float32(WEIGHTS))
    np.testing.assert_array_equal(head.bias, np.float32(BIAS))


@pytest.mark.parametrize(
    "write",
    [
        colour_classifier,
        one_at_a_time,
        lambda path: pooled_classifier(path, WEIGHTS, BIAS, axes=(1, 3)),
        lambda path: pooled_classifier(path, WEIGHTS, BIAS, activation=1),
        lambda path: pooled_classifier(path, WEIGHTS, BIAS, pooling="AVERAGE_POOL_2D", window=(32, 16)),
    ],
    ids=["all pixels", "reshaped", "mean over channels", "activation", "pooling of a part"],
)
def test_network_that_ends_otherwise_has_no_head(tmp_path, write):
    assert LiteRTGraph(write(tmp_path / "a.tflite").read_bytes()).head() is None


@pytest.mark.parametrize("content", [b"", b"    TFL3", b"PK\3\4" + bytes(100)])
def test_other_bytes_are_no_graph(content):
    with pytest.raises(ValueError, match="it is not a LiteRT file"):
        LiteRTGraph(content)


@given(data=st.data())
def test_broken_file_has_no_head_or_is_none(data, tmp_path_factory):
    content = bytearray(pooled_classifier(tmp_path_factory.mktemp("a") / "a.tflite", WEIGHTS, BIAS).read_bytes())
    for place in data.draw(st.lists(st.integers(8, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        LiteRTGraph(bytes(content[: data.draw(st.integers(8, len(content)))])).head()


def test_copy_of_a_file_gives_other_tensors(tmp_path):
    content = pooled_classifier(tmp_path / "a.tflite", WEIGHTS, BIAS).read_bytes()
    memory = bytearray(content + bytes(OUTPUT_BYTES))
    num_bytes = with_outputs(memory, len(content), [7, 1, 6])
    interpreter = Interpreter(model_content=bytes(memory[:num_bytes]))
    interpreter.allocate_tensors()
    image = np.arange(32 * 32 * 3, dtype=np.uint8).reshape(1, 32, 32, 3)
    interpreter.set_tensor(0, image)
    interpreter.invoke()
    assert [output["index"] for output in interpreter.get_output_details()] == [7, 1, 6]
    np.testing.assert_array_equal(interpreter.get_tensor(1), image)
    logits = image.mean(axis=(1, 2)) @ np.transpose(WEIGHTS) + BIAS
    np.testing.assert_allclose(interpreter.get_tensor(6), logits, rtol=1e-5)
