"""Answers to inference requests as messages."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from models.pixels.preprocessing import PixelSpec
from server.engine.catalogue import ServedModel
from server.grpc.response import write_message
from server.open_inference.request import InferenceRequest, RequestedOutput

MODEL = ServedModel("colours", 3, ("red", "green", "blue"), PixelSpec(2, 2))
ROWS = np.array([[0.25, 0.5, 0.25], [1, 0, 0]], np.float32)


def answer(**request):
    message = write_message(InferenceRequest((), **request), MODEL, ROWS)
    [output] = message.outputs
    assert (message.model_name, message.model_version, output.name) == ("colours", "3", "probabilities")
    return message, output


def test_probabilities_are_bytes_to_whom_has_sent_bytes():
    message, output = answer(is_binary=True, id="seven")
    assert (message.id, output.datatype, list(output.shape)) == ("seven", "FP32", [2, 3])
    assert struct.unpack("<6f", message.raw_output_contents[0]) == (0.25, 0.5, 0.25, 1, 0, 0)
    assert not output.HasField("contents")


def test_probabilities_are_numbers_to_others():
    message, output = answer()
    assert list(output.contents.fp32_contents) == [0.25, 0.5, 0.25, 1, 0, 0]
    assert (message.id, len(message.raw_output_contents)) == ("", 0)


@pytest.mark.parametrize("is_binary", [False, True])
def test_largest_probabilities_have_their_labels(is_binary):
    wanted = RequestedOutput("probabilities", is_binary=is_binary, num_classes=2)
    message, output = answer(outputs=(wanted,))
    elements = [b"0.5:1:green", b"0.25:0:red", b"1.0:0:red", b"0.0:1:green"]
    assert (output.datatype, list(output.shape)) == ("BYTES", [2, 2])
    if is_binary:
        assert message.raw_output_contents[0] == b"".join(struct.pack("<I", len(each)) + each for each in elements)
    else:
        assert list(output.contents.bytes_contents) == elements
