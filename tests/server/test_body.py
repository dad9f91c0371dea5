"""Reading a body: never more than is allowed, never less than was announced."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.body import read_body
from server.request_errors import IncompleteUpload, UploadTimeout, UploadTooLarge


class Dribble(io.BytesIO):
    """Gives a few bytes at a time, as a slow network may."""

    def read(self, size=-1, /):
        return super().read(min(size, 3))


class Untouchable:
    def read(self, _size, /):
        raise AssertionError("must not be read")


class Broken:
    def __init__(self, error):
        self.error = error

    def read(self, _size, /):
        raise self.error


@given(st.binary(max_size=50), st.booleans(), st.booleans())
def test_whole_body_is_read(body, is_announced, is_slow):
    stream = (Dribble if is_slow else io.BytesIO)(body)
    assert read_body(stream, len(body) if is_announced else None, max_bytes=50) == body


def test_announced_excess_is_refused_unread():
    with pytest.raises(UploadTooLarge, match="at most 10 bytes, it has 11"):
        read_body(Untouchable(), 11, max_bytes=10)


def test_unannounced_excess_is_refused_after_one_byte_too_many():
    stream = io.BytesIO(bytes(1000))
    with pytest.raises(UploadTooLarge, match="at most 10 bytes"):
        read_body(stream, None, max_bytes=10)
    assert stream.tell() == 11


def test_short_body_is_incomplete():
    with pytest.raises(IncompleteUpload, match="should have 10 bytes, 4 arrived"):
        read_body(io.BytesIO(bytes(4)), 10, max_bytes=10)


@pytest.mark.parametrize(
    ("error", "expected"), [(ConnectionResetError(), IncompleteUpload), (TimeoutError(), UploadTimeout)]
)
def test_failing_connection_is_named(error, expected):
    with pytest.raises(expected):
        read_body(Broken(error), 10, max_bytes=10)
