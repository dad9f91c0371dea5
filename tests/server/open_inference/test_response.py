"""Answers to inference requests: the same probabilities as JSON, as bytes and as labels."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from models.pixels.preprocessing import PixelSpec
from server.engine.catalogue import ServedModel
from server.open_inference.request import InferenceRequest, RequestedOutput
from server.open_inference.response import output_of, write_response
from server.request_errors import RequestError

MODEL = ServedModel("colours", 3, ("red", "green", "blue"), PixelSpec(2, 2))
ROWS = np.array([[0.25, 0.5, 0.25], [1, 0, 0]], np.float32)
SERVED = {"model_name": "colours", "model_version": "3"}


def answer(wanted, **request):
    return write_response(InferenceRequest((), **request), wanted, MODEL, ROWS)


def test_probabilities_are_numbers_in_json():
    response = answer(RequestedOutput("probabilities"), id="seven")
    output = {"name": "probabilities", "datatype": "FP32", "shape": [2, 3], "data": [0.25, 0.5, 0.25, 1.0, 0.0, 0.0]}
    assert json.loads(response.body) == {**SERVED, "id": "seven", "outputs": [output]}
    assert response.num_json_bytes is None


def test_probabilities_are_little_endian_bytes_after_the_json():
    response = answer(RequestedOutput("probabilities", is_binary=True))
    head, content = response.body[: response.num_json_bytes], response.body[response.num_json_bytes :]
    output = {"name": "probabilities", "datatype": "FP32", "shape": [2, 3], "parameters": {"binary_data_size": 24}}
    assert json.loads(head) == {**SERVED, "outputs": [output]}
    assert struct.unpack("<6f", content) == (0.25, 0.5, 0.25, 1, 0, 0)


@pytest.mark.parametrize("is_binary", [False, True])
def test_largest_probabilities_have_their_labels(is_binary):
    response = answer(RequestedOutput("probabilities", is_binary=is_binary, num_classes=2))
    document = json.loads(response.body[: response.num_json_bytes])
    [output] = document["outputs"]
    elements = ["0.5:1:green", "0.25:0:red", "1.0:0:red", "0.0:1:green"]
    assert (output["datatype"], output["shape"]) == ("BYTES", [2, 2])
    if is_binary:
        content = response.body[response.num_json_bytes :]
        assert content == b"".join(struct.pack("<I", len(text)) + text.encode() for text in elements)
    else:
        assert output["data"] == elements


def test_more_classes_than_there_are_come_as_all_of_them():
    [output] = json.loads(answer(RequestedOutput("probabilities", num_classes=9)).body)["outputs"]
    assert output["shape"] == [2, 3]


@pytest.mark.parametrize(
    ("names", "message"),
    [(["logits"], "must be probabilities, got 'logits'"), (["probabilities"] * 2, "must be asked for once, got 2")],
)
def test_outputs_that_there_are_not_are_refused(names, message):
    with pytest.raises(RequestError, match=message):
        output_of(InferenceRequest((), tuple(RequestedOutput(name) for name in names)))


@pytest.mark.parametrize("is_binary", [False, True])
def test_output_that_is_not_named_comes_as_the_request_says(is_binary):
    assert output_of(InferenceRequest((), is_binary=is_binary)) == RequestedOutput("probabilities", is_binary)
