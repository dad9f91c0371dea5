"""Parsers, what comes of a stream of bytes, and connections that threads serve."""

from __future__ import annotations

import socket

import pytest
from gunicorn.config import Config
from streams import make_parser

from server.gunicorn_internals.request import plain_settings
from server.http.connection import Connection
from server.http.limits import Limits, UploadBudget
from server.http.threads import RequestThreads
from server.request_errors import MalformedRequest, UploadTooLarge

LIMITS = Limits(plain_settings(Config()), 1000, UploadBudget(1000), keepalive_s=70, read_timeout_s=10)


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


@pytest.fixture
def watched():
    """Connections watched by threads that serve them with the given function; gives the clients' sockets."""
    sockets, started = [], []

    def watched(serve, number, *, max_busy, **options):
        threads = RequestThreads(serve, max_busy=max_busy, **options)
        started.append(threads)
        threads.start()
        for _ in range(number):
            ours, theirs = socket.socketpair()
            theirs.settimeout(10)
            sockets.extend((ours, theirs))
            threads.watch(Connection(ours, None, None, LIMITS))
        return threads, sockets[1::2]

    yield watched
    for threads in started:
        threads.close()
    for sock in sockets:
        sock.close()


def shown(request):
    try:
        body = request.body.read().decode()
    except (OSError, UploadTooLarge):
        body = "is too large"
    return f"{request.method} {request.path} {body}".rstrip()
