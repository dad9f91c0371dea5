"""Fixtures for the HTTP front: no leaks, and what comes of a stream of bytes (test_smuggling, test_smuggling_heads)."""

from __future__ import annotations

import pytest
from gunicorn.config import Config
from leaks import Resources, leaked_since

from server.gunicorn_internals import plain_settings
from server.http.limits import Limits, UploadBudget
from server.http.parser import RequestParser
from server.request_errors import MalformedRequest, UploadTooLarge

SETTINGS = plain_settings(Config())
REQUEST_THREADS = ("thread opsin-request-", "anon_inode:[eventpoll]")


@pytest.fixture(autouse=True)
def nothing_is_left():
    """As everywhere, but for request threads and their epoll, which a worker has until its process ends."""
    before = Resources.now()
    yield
    leaked = leaked_since(before, allowed=REQUEST_THREADS)
    assert not leaked, leaked


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
            return [*requests, int(error.status[:3])]
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
