"""Calling an application, and what goes over the wire."""

from __future__ import annotations

import io
import socket

import pytest
from gunicorn.config import Config

from server.http.connection import Connection
from server.http.limits import Limits, UploadBudget
from server.http.request_reader import quick_copy
from server.http.wsgi import answer

LIMITS = Limits(quick_copy(Config()), 1000, UploadBudget(1000), keepalive_s=70, read_timeout_s=10)
JSON = ("Content-Type", "application/json")


class RecordedConnection(Connection):
    """Remembers each send."""

    def sendall(self, data):
        self.sends = [*getattr(self, "sends", []), bytes(data)]


@pytest.fixture
def call():
    """Send a request to an application; gives whether the connection is kept, and what was sent."""
    sockets = socket.socketpair()
    connection = RecordedConnection(sockets[0], ("127.0.0.1", 1), ("127.0.0.1", 2), LIMITS)

    def call(app, request=b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", *, is_last=False):
        sockets[1].sendall(request)
        is_kept = answer(app, connection, connection.next_request(), is_last=is_last, when_done=lambda: None)
        return is_kept, connection.sends

    yield call
    for sock in sockets:
        sock.close()


def hello(_environ, start_response):
    start_response("200 OK", [JSON, ("Content-Length", "5")])
    return [b"hello"]


def test_head_and_body_leave_together(call):
    is_kept, (sent,) = call(hello)
    head, body = sent.split(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert is_kept
    assert lines[0] == "HTTP/1.1 200 OK"
    assert {"Connection: keep-alive", "Content-Type: application/json", "Content-Length: 5"} <= set(lines)
    assert any(line.startswith("Date: ") and line.endswith(" GMT") for line in lines)
    assert body == b"hello"


def test_application_gets_the_request_and_its_socket(call):
    def app(environ, start_response):
        assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/a", "b=c")
        assert environ["wsgi.input"].read() == b"xyz"
        assert environ["gunicorn.socket"].fileno() > 0
        return hello(environ, start_response)

    assert call(app, b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nxyz")[0]


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_pieces_of_unknown_length_arrive_whole(call, version):
    def app(_environ, start_response):
        start_response("200 OK", [JSON])
        return iter([b"he", b"", b"llo"])

    is_kept, sends = call(app, b"GET / HTTP/%s\r\nHost: x\r\n\r\n" % version)
    body = b"".join(sends).partition(b"\r\n\r\n")[2]
    assert body == (b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n" if version == b"1.1" else b"hello")
    assert is_kept == (version == b"1.1")


def test_file_is_sent(call):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "20000")])
        return environ["wsgi.file_wrapper"](io.BytesIO(bytes(20000)))

    assert b"".join(call(app)[1]).partition(b"\r\n\r\n")[2] == bytes(20000)


def test_head_request_is_answered_without_body(call):
    is_kept, sends = call(hello, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert is_kept
    assert b"".join(sends).endswith(b"Content-Length: 5\r\n\r\n")


def test_last_answer_says_so(call):
    is_kept, (sent,) = call(hello, is_last=True)
    assert not is_kept
    assert b"Connection: close\r\n" in sent


def test_body_that_was_not_taken_in_ends_the_connection(call):
    is_kept, (sent,) = call(hello, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n")
    assert not is_kept
    assert b"Connection: close\r\n" in sent


def test_pieces_are_closed(call):
    class Pieces(list):
        is_closed = False

        def close(self):
            self.is_closed = True

    pieces = Pieces([b"hello"])

    def app(_environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        return pieces

    call(app)
    assert pieces.is_closed
