"""Messages of many small parts are refused before they are parsed, whatever the parts are."""

from __future__ import annotations

import pytest

from server.grpc.messages import message_class
from server.grpc.parsing import MAX_PARTS, parse
from server.request_errors import RequestError

NAME = "inference.ModelInferRequest"
MODEL = b"\x0a\x07colours"


def field(number, content):
    assert len(content) < 2**14
    return bytes([number << 3 | 2, len(content) & 127 | 128, len(content) >> 7]) + content


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(field(5, b""), id="inputs"),
        pytest.param(field(6, b""), id="outputs"),
        pytest.param(field(7, b""), id="raw_input_contents"),
        pytest.param(field(4, b""), id="parameters"),
        pytest.param(field(5, field(5, field(8, b"") * 20)), id="elements of tensors"),
        pytest.param(field(5, field(4, b"") * 20), id="parameters of tensors"),
        pytest.param(field(5, b"\x18\x01" * 20), id="numbers one by one"),
        pytest.param(b"\xf8\x07\x01", id="unknown fields"),
    ],
)
def test_message_of_many_parts_is_refused(part):
    with pytest.raises(RequestError, match="may have at most 8,192 fields"):
        parse(MODEL + part * MAX_PARTS, NAME)


@pytest.mark.parametrize(
    "content",
    [b"\x0a", b"\x0a\x80", b"\x80" * 11, b"\x0b", b"\x0a\x09colours", b"\xff\xff no message", b"\x0a\x01\xff"],
)
def test_what_is_no_message_is_refused(content):
    with pytest.raises(RequestError, match=r"the message must be an inference\.ModelInferRequest"):
        parse(content, NAME)


def test_as_many_pictures_as_a_server_may_take_are_parsed():
    tensor = {"name": "image", "datatype": "BYTES", "contents": {"bytes_contents": [b"\x2a\x00" * 9999] * 1024}}
    message = message_class(NAME)(model_name="colours", inputs=[tensor])
    assert parse(message.SerializeToString(), NAME) == message


def test_numbers_are_one_part():
    tensor = {"name": "pixels", "shape": [1, 2, 3], "contents": {"fp64_contents": [0.5] * 2 * MAX_PARTS}}
    message = message_class(NAME)(inputs=[tensor], parameters={"timeout": {"double_param": 2.5}})
    assert parse(message.SerializeToString(), NAME) == message
