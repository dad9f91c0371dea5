"""The body of a request, as the application reads it."""

from __future__ import annotations

import pytest

from server.http.parser import RequestBody


def test_whole_body_is_given_uncopied():
    content = bytearray(b"abc")
    assert RequestBody(content).read(3) is content
    assert RequestBody(content).read() is content


def test_body_can_be_read_in_pieces():
    body = RequestBody(b"abcde")
    assert [body.read(2), body.read(2), body.read(2), body.read(2)] == [b"ab", b"cd", b"e", b""]


def test_what_went_wrong_is_raised_by_reading():
    with pytest.raises(TimeoutError):
        RequestBody(b"ab", TimeoutError()).read(2)
