"""Inference requests as messages: tensors in bytes and in fields, and what no client should send."""

from __future__ import annotations

import struct

import pytest

from server.grpc.messages import message_class
from server.grpc.request import parse_message, read_message
from server.json_document import MAX_NUMBERS
from server.open_inference.request import RequestedOutput
from server.request_errors import RequestError


def message(**fields):
    return message_class("inference.ModelInferRequest")(model_name="colours", **fields)


def tensor(name="pixels", datatype="UINT8", shape=(1, 1, 1, 3), **fields):
    return {"name": name, "datatype": datatype, "shape": shape, **fields}


def test_tensors_in_bytes_are_answered_in_bytes():
    request = read_message(message(inputs=[tensor()], raw_input_contents=[b"\x01\x02\x03"], id="seven"))
    [read] = request.inputs
    assert (read.name, read.datatype, read.shape, bytes(read.content)) == ("pixels", "UINT8", (1, 1, 1, 3), b"\1\2\3")
    assert (request.outputs, request.id, request.is_binary, request.timeout_s) == (None, "seven", True, None)


def test_numbers_in_the_field_of_their_datatype_are_read():
    request = read_message(message(inputs=[tensor(contents={"uint_contents": [1, 2, 3]})]))
    assert request.inputs[0].data == [1, 2, 3]
    assert (request.id, request.is_binary) == (None, False)


def test_images_in_the_field_of_bytes_are_read():
    contents = {"bytes_contents": [b"red", b"blue"]}
    request = read_message(message(inputs=[tensor("image", "BYTES", [2], contents=contents)]))
    assert bytes(request.inputs[0].content) == struct.pack("<I3sI4s", 3, b"red", 4, b"blue")


def test_outputs_and_parameters_are_read():
    outputs = [{"name": "probabilities", "parameters": {"classification": {"int64_param": 3}}}]
    parameters = {"timeout": {"int64_param": 2_000_000}, "other": {"string_param": "x"}, "none": {}}
    request = read_message(
        message(inputs=[tensor()], raw_input_contents=[b"123"], outputs=outputs, parameters=parameters)
    )
    assert request.outputs == (RequestedOutput("probabilities", is_binary=True, num_classes=3),)
    assert request.timeout_s == 2


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "inputs must be a list of objects, at least one"),
        ({"inputs": [tensor()] * 2, "raw_input_contents": [b"123"]}, "an element for each of the 2 inputs, got 1"),
        ({"inputs": [tensor()], "raw_input_contents": [b"1234"]}, "must have 3 bytes .* is 4"),
        (
            {"inputs": [tensor(contents={"int_contents": [1, 2, 3]})]},
            r"inputs\[0\] of datatype UINT8 must have its numbers in contents.uint_contents",
        ),
        (
            {"inputs": [tensor(contents={"uint_contents": [1]})], "raw_input_contents": [b"123"]},
            r"inputs\[0\] has contents, and an element of raw_input_contents",
        ),
        ({"inputs": [tensor(datatype="UINT9")]}, "datatype must be one of"),
        ({"inputs": [tensor(shape=[-1, 1, 1, 3])]}, "shape must be a list of whole numbers"),
        ({"inputs": [tensor(shape=[1] * 99_999)]}, "shape may have at most 32 numbers, got 99,999"),
        (
            {"inputs": [tensor(parameters={"shared_memory_region": {"string_param": "a"}})]},
            "in shared memory, which this server does not offer",
        ),
        ({"inputs": [tensor()], "parameters": {"timeout": {"int64_param": 0}}}, "timeout must be a whole number"),
        (
            {"inputs": [tensor(contents={"uint_contents": [0] * (MAX_NUMBERS + 1)})]},
            "at most 1,048,576 numbers; send more in raw_input_contents",
        ),
    ],
)
def test_what_is_not_as_the_protocol_has_it_is_refused(fields, text):
    with pytest.raises(RequestError, match=text):
        read_message(message(**fields))


def test_what_is_no_message_is_refused():
    assert parse_message(message().SerializeToString()) == message()
    with pytest.raises(RequestError, match=r"must be an inference\.ModelInferRequest"):
        parse_message(b"\xff\xff no message")
