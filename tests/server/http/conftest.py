"""Parsers, and what comes of a stream of bytes."""

from __future__ import annotations

import pytest
from streams import make_parser

from server.http.limits import UploadBudget
from server.request_errors import MalformedRequest, UploadTooLarge


@pytest.fixture
def budget():
    return UploadBudget(1000)


@pytest.fixture
def sent():
    """What has been sent to the client."""
    return []


@pytest.fixture
def parser(budget, sent):
    return make_parser(budget, sent.append)


@pytest.fixture
def new_parser():
    """Make the parser of a connection; its requests may have 500 bytes."""
    return lambda: make_parser(UploadBudget(1000))


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
