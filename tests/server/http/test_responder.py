"""What a worker does with a request that has come: in which order it responds and does what can wait."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest
from gunicorn.config import Config

from server.gunicorn_internals.request import plain_settings
from server.http.application import Application
from server.http.connection import Connection
from server.http.limits import Limits, UploadBudget
from server.http.responder import Responder

LIMITS = Limits(plain_settings(Config()), 1000, UploadBudget(1000), keepalive_s=70, read_timeout_s=10)
THREAD = SimpleNamespace(is_slow=False, has_turn=False, begin_busy=lambda: True, end_busy=lambda: None)


@pytest.fixture
def serve():
    """Have an application respond to a request; gives the socket of its client."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)

    def serve(make_respond, request):
        application = Application(None, wait_s_if_full=lambda: None, error_response=None, note_refusal=None)
        object.__setattr__(application, "respond", make_respond(application.put_off, theirs))
        theirs.sendall(request)
        connection = Connection(ours, ("127.0.0.1", 1), ("127.0.0.1", 2), LIMITS)
        Responder(application, is_stopping=lambda: False, has_too_many=lambda: False).serve(connection, THREAD)

    yield serve
    ours.close()
    theirs.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_put_off_is_done_once_the_response_has_been_sent(serve, method):
    seen = []

    def make_respond(put_off, client):
        def respond(_environ, start_response):
            put_off(lambda: seen.append(client.recv(1000)))
            start_response("200 OK", [("Content-Length", "2")])
            return [b"ok"]

        return respond

    serve(make_respond, method.encode() + b" / HTTP/1.1\r\nHost: x\r\n\r\n")
    [response] = seen
    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert response.endswith(b"\r\n\r\nok")


def test_what_is_put_off_is_done_where_the_response_fails(serve):
    done = []

    def make_respond(put_off, _client):
        def respond(_environ, _start_response):
            put_off(done.append, 1)
            raise RuntimeError("a bug")

        return respond

    serve(make_respond, b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert done == [1]
