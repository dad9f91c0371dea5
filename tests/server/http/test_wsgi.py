"""Answers, the application's and refusals, as they go over the wire."""

from __future__ import annotations

import http.client
import io
import json
import logging
import socket

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi as gunicorn_wsgi

from server.gunicorn_internals.request import plain_settings
from server.http.connection import Connection
from server.http.limits import Limits, UploadBudget
from server.http.wsgi import call_app, checked_fields, environ_of, refuse
from server.request_errors import MalformedRequest

LIMITS = Limits(plain_settings(Config()), 1000, UploadBudget(1000), keepalive_s=70, read_timeout_s=10)
JSON = ("Content-Type", "application/json")
POST = b"POST /predict HTTP/1.1\r\nHost: x\r\n%s\r\nabc"
BUSY = ("503 SERVICE UNAVAILABLE", {"Content-Type": "application/json", "Retry-After": "3"}, b'{"error": {}}')


class RecordedConnection(Connection):
    """Remembers each send."""

    def sendall(self, data):
        self.sends = [*getattr(self, "sends", []), bytes(data)]


@pytest.fixture
def pair():
    """A connection, and the socket of its client."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)
    yield RecordedConnection(ours, ("127.0.0.1", 1), ("127.0.0.1", 2), LIMITS), theirs
    ours.close()
    theirs.close()


@pytest.fixture
def call(pair):
    """Send a request to an application; gives whether the connection is kept, and what was sent."""
    connection, client = pair

    def call(app, request=b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", *, is_last=False):
        client.sendall(request)
        is_kept = call_app(app, connection, connection.next_request(), is_last=is_last, when_done=lambda: None)
        return is_kept, connection.sends

    return call


@pytest.fixture
def refused(pair):
    """Refuse a request; gives whether the connection is kept, the response and its document."""
    connection, client = pair

    def refused(refusal, request, *, is_last=False):
        if request is not None:
            client.sendall(request)
            request = connection.next_request()
        is_kept = refuse(connection, refusal, request, is_last=is_last)
        connection.sock.sendall(b"".join(connection.sends))
        response = http.client.HTTPResponse(client)
        response.begin()
        return is_kept, response, json.loads(response.read())

    return refused


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


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answer_that_has_no_body_gets_none(call, status):
    def app(_environ, start_response):
        start_response(status, [JSON, ("Content-Length", "5")])
        return [b"hello"]

    is_kept, sends = call(app)
    head, body = b"".join(sends).split(b"\r\n\r\n")
    assert is_kept
    assert body == b""
    assert (b"Content-Length: 5" in head) == status.startswith("304")


@pytest.mark.parametrize(("length", "sent", "is_kept"), [("4", b"hell", True), ("6", b"hello", False)])
def test_body_that_is_not_as_long_as_announced_shifts_no_other_answer(call, length, sent, is_kept):
    def app(_environ, start_response):
        start_response("200 OK", [("Content-Length", length)])
        return [b"he", b"llo"]

    kept, sends = call(app)
    assert b"".join(sends).partition(b"\r\n\r\n")[2] == sent
    assert kept == is_kept


def test_error_within_an_answer_takes_its_place_until_it_has_left(call):
    def app(_environ, start_response):
        write = start_response("200 OK", [("Content-Length", "5")])
        try:
            raise KeyError("early")
        except KeyError as error:
            start_response("500 Oops", [], (type(error), error, None))
        write(b"sorry")
        late = KeyError("late")
        with pytest.raises(KeyError, match="late"):
            start_response("200 OK", [], (KeyError, late, None))
        with pytest.raises(RuntimeError):
            start_response("200 OK", [])
        return []

    _, sends = call(app)
    assert b"".join(sends).startswith(b"HTTP/1.1 500 Oops\r\n")
    assert b"".join(sends).endswith(b"5\r\nsorry\r\n0\r\n\r\n")


@pytest.mark.parametrize("fields", [[("A\r\nB", "c")], [("A", "b\r\nC: d")], [("A ", "b")], [("A", "b\0")]])
def test_header_that_would_make_another_answer_of_it_is_refused(fields):
    with pytest.raises(ValueError, match="no header"):
        checked_fields(fields)


def test_headers_that_are_the_servers_to_say_are_dropped():
    assert checked_fields([("Connection", "close"), JSON, ("Transfer-Encoding", "chunked"), ("Date", "x")]) == [JSON]


REQUESTS = [
    b"GET /a?b=c HTTP/1.1\r\nHost: x:80\r\nAccept: a\r\nAccept: b\r\nX-Request-Id: 1\r\n\r\n",
    b"GET http://y/%41%ff%2f HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 0\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\nX_Forwarded_For: y\r\n\r\n",
    b"GET /a/b HTTP/1.1\r\nHost: x\r\nSCRIPT_NAME: /a\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
]


@pytest.mark.parametrize("sent", REQUESTS)
def test_application_is_told_what_gunicorn_would_tell_it(pair, sent):
    connection, client = pair
    client.sendall(sent)
    request = connection.next_request()
    connection.read_since -= 5
    found = environ_of(connection, request)
    assert 5 <= found.pop("opsin.read_s") < 10  # ours alone
    addresses = connection.address, connection.server_address
    _, expected = gunicorn_wsgi.create(request, connection.sock, *addresses, request.cfg)
    own = {"wsgi.errors", "wsgi.file_wrapper", "wsgi.early_hints", "wsgi.multithread", "wsgi.multiprocess"}
    own |= {"SERVER_SOFTWARE"}
    assert {key: found.get(key) for key in expected.keys() - own} == {
        key: expected[key] for key in expected.keys() - own
    }
    assert found.keys() <= expected.keys()


def test_offer_to_speak_something_else_is_as_if_it_were_not_there(pair):
    connection, client = pair
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nX: y\r\n\r\n")
    found = environ_of(connection, connection.next_request())
    assert "HTTP_UPGRADE" not in found
    assert found["HTTP_X"] == "y"


def test_environment_of_the_process_moves_no_path(pair, monkeypatch):
    monkeypatch.setenv("SCRIPT_NAME", "/a")
    connection, client = pair
    client.sendall(b"GET /a/b HTTP/1.1\r\nHost: x\r\n\r\n")
    found = environ_of(connection, connection.next_request())
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == ("", "/a/b")


def test_path_outside_of_the_application_is_refused(call):
    with pytest.raises(MalformedRequest, match="does not start with SCRIPT_NAME '/b'"):
        call(hello, b"GET /a HTTP/1.1\r\nHost: x\r\nSCRIPT_NAME: /b\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "is_last", "is_kept", "request_id"),
    [
        (POST % b"Content-Length: 3\r\nX-Request-Id: abc\r\n", False, True, "abc"),
        (POST % b"Content-Length: 3\r\n", True, False, None),
        (POST % b"Content-Length: 3\r\nConnection: close\r\n", False, False, None),
        (POST % b"Content-Length: 1001\r\n", False, False, None),
        (None, True, False, None),
    ],
    ids=["kept", "last", "client closes", "body not read", "no request"],
)
def test_refusal_is_what_the_application_would_say_of_the_error(refused, sent, is_last, is_kept, request_id):
    kept, response, document = refused(BUSY, sent, is_last=is_last)
    assert kept == is_kept
    assert (response.status, response.reason, document) == (503, "SERVICE UNAVAILABLE", {"error": {}})
    assert response.headers["Connection"] == ("keep-alive" if is_kept else "close")
    assert response.headers["Retry-After"] == "3"
    assert response.headers["Content-Type"] == "application/json"
    given = response.headers["X-Request-Id"]
    assert given == request_id or (request_id is None and len(given) == 16)


def test_refusal_of_a_request_for_the_head_alone_is_a_head(pair):
    connection, client = pair
    client.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    refuse(connection, BUSY, connection.next_request(), is_last=True)
    (sent,) = connection.sends
    assert sent.endswith(b"\r\nContent-Length: 13\r\n\r\n")
    assert b"\r\nDate: " in sent


def test_refusal_is_logged_like_any_answer(refused, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    caplog.set_level(logging.INFO, logger="opsin.access")
    refused(BUSY, POST % b"Content-Length: 3\r\nX-Request-Id: abc\r\n")
    assert caplog.messages == ["POST /predict 503 0.0 ms id=abc"]
