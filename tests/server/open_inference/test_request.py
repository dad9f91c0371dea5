"""Inference requests as clients of the protocol write them, and as none should."""

from __future__ import annotations

import json
import struct

import pytest

from server.json_document import MAX_NUMBERS
from server.open_inference.request import RequestedOutput, read_request
from server.request_errors import RequestError

ONE = {"name": "pixels", "datatype": "UINT8", "shape": [1, 1, 1, 3], "data": [1, 2, 3]}


def document(**changes):
    return json.dumps({"inputs": [{**ONE, **changes}]}).encode()


def binary(*parts, **changes):
    """JSON and the bytes after it, with the header that tells them apart."""
    header = json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], **changes}]}).encode()
    return read_request(header + b"".join(parts), str(len(header)))


def test_json_alone_is_one_request():
    request = read_request(document(), None)
    [tensor] = request.inputs
    assert (tensor.name, tensor.datatype, tensor.shape, tensor.data) == ("pixels", "UINT8", (1, 1, 1, 3), [1, 2, 3])
    assert (request.outputs, request.id, request.is_binary, request.timeout_s) == (None, None, False, None)


def test_bytes_after_the_json_belong_to_the_inputs_in_their_order():
    element = struct.pack("<I", 3) + b"abc"
    request = binary(element, parameters={"binary_data_size": 7})
    assert bytes(request.inputs[0].content) == element


def test_whole_body_is_one_image_where_no_byte_is_json():
    request = read_request(b"\xff\xd8photo", "0")
    [tensor] = request.inputs
    assert (bytes(tensor.content), tensor.datatype, request.is_binary) == (b"\xff\xd8photo", "BYTES", True)


def test_what_a_client_wants_is_read():
    body = {
        "id": "seven",
        "parameters": {"binary_data_output": True, "timeout": 250_000, "priority": 3, "sequence_id": 0},
        "inputs": [ONE],
        "outputs": [{"name": "a", "parameters": {"binary_data": False, "classification": 5}}, {"name": "b"}],
    }
    request = read_request(json.dumps(body).encode(), None)
    assert (request.id, request.timeout_s) == ("seven", 0.25)
    assert request.outputs == (RequestedOutput("a", False, 5), RequestedOutput("b", True, 0))


@pytest.mark.parametrize(
    ("body", "header_length", "message"),
    [
        (b"", None, "not JSON"),
        (b"[]", None, "must be a JSON object, got list"),
        (b"[" * 100_000, None, "nested too deep"),
        (b'{"inputs": []}', None, "inputs must be a list of objects, at least one"),
        (b'{"inputs": [3]}', None, "inputs must be a list of objects"),
        (b"{}", "3", "from 0 to the body's 2, got '3'"),
        (b"{}", "-1", "got '-1'"),
        (b"{}", "two", "got 'two'"),
        (b"{}", "\u0662", "got"),
        (document(name=3), None, r"inputs\[0\].name must be a string"),
        (document(datatype="INT4"), None, "must be one of BOOL, .* BYTES, got 'INT4'"),
        (document(shape="1"), None, "shape must be a list of whole numbers"),
        (document(shape=[1, -1]), None, "shape must be a list of whole numbers"),
        (document(shape=[True]), None, "shape must be a list of whole numbers"),
        (document(data=None), None, "must have its elements in data, or as bytes"),
        (document(parameters=[]), None, "must be an object"),
        (document(parameters={"binary_data_size": 3}), None, "one of them is its content"),
        (document(data=None, parameters={"binary_data_size": 4}), None, "must have 3 bytes .* binary_data_size is 4"),
        (document(data=None, parameters={"binary_data_size": 3}), None, "should have 3 bytes after the JSON, 0 are"),
        (document(parameters={"shared_memory_region": "x"}), None, "shared memory, which this server does not offer"),
        (b'{"parameters": {"sequence_id": 7}, ' + document()[1:], None, "sequences are not offered here"),
        (b'{"parameters": {"sequence_id": "a"}, ' + document()[1:], None, "sequences are not offered here"),
        (b'{"parameters": {"sequence_start": true}, ' + document()[1:], None, "sequences are not offered here"),
        (b'{"id": 3, ' + document()[1:], None, "id must be a string, got int"),
        (b'{"parameters": {"timeout": 0.5}, ' + document()[1:], None, "timeout must be a whole number of microseconds"),
        (b'{"outputs": [{"name": "a", "parameters": {"classification": -1}}], ' + document()[1:], None, "of classes"),
        (b'{"outputs": [{"name": "a", "parameters": {"binary_data": 1}}], ' + document()[1:], None, "true or false"),
        (document() + b"123", str(len(document())), "3 bytes after the JSON belong to no input"),
        (b'{"inputs": [' + b"0," * (2 * MAX_NUMBERS) + b"0]}", None, "at most 1,048,576 numbers; send larger"),
    ],
    ids=lambda value: repr(value)[:60],  # and not megabytes of it
)
def test_what_is_wrong_is_said(body, header_length, message):
    with pytest.raises(RequestError, match=message):
        read_request(body, header_length)
