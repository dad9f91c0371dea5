"""Reading a body: never more than is allowed, never less than was announced."""

from __future__ import annotations

import io

import pytest

from server.api.uploads import read_body
from server.request_errors import IncompleteUpload, UploadTimeout, UploadTooLarge


class Untouchable:
    def read(self):
        raise AssertionError("must not be read")


class Broken:
    def __init__(self, error):
        self.error = error

    def read(self):
        raise self.error


@pytest.mark.parametrize("body", [b"", b"abc"])
@pytest.mark.parametrize("is_announced", [False, True])
def test_whole_body_is_read(body, is_announced):
    assert read_body(io.BytesIO(body), len(body) if is_announced else None, max_bytes=3) == body


def test_announced_excess_is_refused_unread():
    with pytest.raises(UploadTooLarge, match="at most 10 bytes, it has 11"):
        read_body(Untouchable(), 11, max_bytes=10)


def test_short_body_is_incomplete():
    with pytest.raises(IncompleteUpload, match="should have 10 bytes, 4 arrived"):
        read_body(io.BytesIO(bytes(4)), 10, max_bytes=10)


@pytest.mark.parametrize(
    ("error", "expected"), [(ConnectionResetError(), IncompleteUpload), (TimeoutError(), UploadTimeout)]
)
def test_failing_connection_is_named(error, expected):
    with pytest.raises(expected):
        read_body(Broken(error), 10, max_bytes=10)
