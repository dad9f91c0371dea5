"""Request bodies as an application reads them."""

from __future__ import annotations

import pytest

from server.request_body import ReceivedBody


def test_whole_body_is_given_uncopied():
    content = bytearray(b"abc")
    assert ReceivedBody(content).read(3) is content
    assert ReceivedBody(content).read() is content


def test_body_can_be_read_in_pieces():
    body = ReceivedBody(b"abcde")
    assert [body.read(2), body.read(2), body.read(2), body.read(2)] == [b"ab", b"cd", b"e", b""]


def test_body_can_be_read_in_lines():
    assert ReceivedBody(b"a\nbc\nd").readlines() == [b"a\n", b"bc\n", b"d"]
    assert ReceivedBody(b"abc\n").readline(2) == b"ab"


def test_what_went_wrong_is_raised_by_reading():
    with pytest.raises(TimeoutError):
        ReceivedBody(b"ab", TimeoutError()).read(2)
