"""What comes of a stream of bytes, for the tables of test_smuggling and test_smuggling_heads."""

from __future__ import annotations

import pytest
from gunicorn.config import Config

from server.gunicorn_internals import plain_settings
from server.http.limits import Limits, UploadBudget
from server.http.parser import RequestParser
from server.request_errors import MalformedRequest, UploadTooLarge

SETTINGS = plain_settings(Config())


@pytest.fixture
def new_parser():
    """Make the parser of a connection; its requests may have 500 bytes."""

    def new_parser():
        limits = Limits(SETTINGS, max_body_bytes=500, budget=UploadBudget(1000), keepalive_s=1, read_timeout_s=1)
        return RequestParser(limits, ("127.0.0.1", 1), lambda _: None)

    return new_parser


@pytest.fixture
def outcome(new_parser):
    """List the requests in some pieces of a stream, and how it ends: with a status, closed, or waiting for more."""

    def outcome(pieces):
        parser, requests = new_parser(), []
        try:
            for piece in pieces:
                parser.feed(piece)
                while (request := parser.take()) is not None:
                    requests.append(shown(request))
                    if request.should_close():
                        return [*requests, "closes"]
                    parser.finish()
        except MalformedRequest as error:
            return [*requests, error.status]
        return requests if parser.is_idle else [*requests, "waits"]

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
