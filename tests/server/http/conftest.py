"""What comes of a stream of bytes, for the tables of test_smuggling and test_smuggling_heads."""

from __future__ import annotations

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import ParseException

from server.http.limits import Limits, UploadBudget
from server.http.refusals import PARSE_ERRORS
from server.http.request_reader import RequestReader, quick_copy
from server.request_errors import UploadTooLarge

CFG = quick_copy(Config())


class Wire:
    """Takes what is sent."""

    def sendall(self, data):
        """Send nothing."""


@pytest.fixture
def new_reader():
    """Make the reader of a connection; its requests may have 500 bytes."""

    def new_reader():
        limits = Limits(CFG, max_body_bytes=500, budget=UploadBudget(1000), keepalive_s=1, read_timeout_s=1)
        return RequestReader(limits, ("127.0.0.1", 1), Wire())

    return new_reader


@pytest.fixture
def outcome(new_reader):
    """List the requests in some pieces of a stream, and how it ends: with a status, closed, or waiting for more."""

    def outcome(pieces):
        reader, found = new_reader(), []
        try:
            for piece in pieces:
                reader.feed(piece)
                while (request := reader.take()) is not None:
                    found.append(shown(request))
                    if request.should_close():
                        return [*found, "closes"]
                    reader.finish()
        except ParseException as error:
            return [*found, int(PARSE_ERRORS.get(type(error), "400")[:3])]
        return found if reader.is_idle else [*found, "waits"]

    return outcome


@pytest.fixture
def check(outcome):
    """Check that a stream has one outcome, whether it comes at once or byte by byte."""

    def check(stream, expected):
        expected = expected if isinstance(expected, list) else [expected]
        assert outcome([stream]) == expected
        if len(stream) < 10_000:
            assert outcome([stream[index : index + 1] for index in range(len(stream))]) == expected

    return check


def shown(request):
    try:
        body = request.body.read().decode()
    except (OSError, UploadTooLarge):
        body = "is too large"
    return f"{request.method} {request.path} {body}".rstrip()
