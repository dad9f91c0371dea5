"""JSON of requests: parsed where it is an object of bounded size."""

from __future__ import annotations

import pytest

from server.json_document import LARGE_BYTES, MAX_NUMBERS, parse_object
from server.request_errors import RequestError


def parse(body):
    return parse_object(body, instead="a picture")


def test_object_is_parsed_whatever_its_size():
    assert parse(b'{"a": [1]}') == {"a": [1]}
    assert parse(b'{"a": "' + b"x" * LARGE_BYTES + b'"}') == {"a": "x" * LARGE_BYTES}
    assert len(parse(b'{"a": [' + b"0," * (MAX_NUMBERS - 1) + b"0]}")["a"]) == MAX_NUMBERS


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b'{"a": ' + b"7" * 4301 + b"}", "a whole number in the JSON may have at most 4,300 digits, one has more"),
        (b"3", "must be a JSON object, got int"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b'{"a": [' + b"[]," * MAX_NUMBERS + b"[]]}", "at most 1,048,576 numbers; send a picture"),
    ],
    ids=["nothing", "no text", "digits", "number", "deep", "large"],
)
def test_what_is_no_such_object_is_refused(body, message):
    with pytest.raises(RequestError, match=message):
        parse(body)
