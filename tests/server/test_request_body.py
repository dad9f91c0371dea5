"""Request bodies as an application reads them."""

from __future__ import annotations

import pytest

from server.request_body import ChunkedBody, ReceivedBody


class Reader:
    """Like gunicorn's: gives what is asked for, and has no parser any more when it has seen the end."""

    def __init__(self, content):
        self.parser = object()
        self._content = content

    def read(self, size):
        data, self._content = self._content[:size], self._content[size:]
        if len(data) < size:
            self.parser = None
        return data


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


def test_chunked_body_is_counted_and_known_to_be_read():
    counted = []
    body = ChunkedBody(Reader(b"abcde"), counted.append)
    assert body.read(3) == b"abc"
    assert not body.is_read
    assert body.read() == b"de"
    assert body.is_read
    assert sum(counted) == 5


def test_chunked_body_that_is_too_much_is_not_read_on():
    def refuse(_num_bytes):
        raise MemoryError

    with pytest.raises(MemoryError):
        ChunkedBody(Reader(b"abc"), refuse).read()
