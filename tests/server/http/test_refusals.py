"""Answers that no application was asked for look like its own."""

from __future__ import annotations

import http.client
import json
import logging
import socket

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import InvalidRequestLine, LimitRequestLine

from server.http.connection import Connection
from server.http.limits import Limits, UploadBudget
from server.http.refusals import refuse_nonsense, refuse_overload
from server.http.request_reader import quick_copy

LIMITS = Limits(quick_copy(Config()), 1000, UploadBudget(1000), keepalive_s=70, read_timeout_s=10)
POST = b"POST /predict HTTP/1.1\r\nHost: x\r\n%s\r\nabc"


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)
    yield Connection(ours, ("127.0.0.1", 1), ("127.0.0.1", 2), LIMITS), theirs
    ours.close()
    theirs.close()


def read_answer(client):
    response = http.client.HTTPResponse(client)
    response.begin()
    return response, json.loads(response.read())


@pytest.mark.parametrize(("wait_s", "retry_after"), [(0, "1"), (2.1, "3")])
def test_overload_is_503_and_says_when_to_come_back(pair, wait_s, retry_after):
    connection, client = pair
    client.sendall(POST % b"Content-Length: 3\r\nX-Request-Id: abc\r\n")
    assert refuse_overload(connection, connection.next_request(), wait_s=wait_s, is_last=False)
    response, document = read_answer(client)
    assert (response.status, response.headers["Retry-After"]) == (503, retry_after)
    assert response.headers["X-Request-Id"] == "abc"
    assert document["error"]["code"] == "overloaded"
    assert document["error"]["message"]


@pytest.mark.parametrize("headers", [b"Content-Length: 3\r\nConnection: close\r\n", b"Content-Length: 1001\r\n"])
def test_connection_is_closed_where_it_must_be(pair, headers):
    connection, client = pair
    client.sendall(POST % headers)
    assert not refuse_overload(connection, connection.next_request(), wait_s=0, is_last=False)
    assert read_answer(client)[0].headers["Connection"] == "close"


def test_refusal_is_logged_like_any_answer(pair, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    caplog.set_level(logging.INFO, logger="opsin.access")
    connection, client = pair
    client.sendall(POST % b"Content-Length: 3\r\nX-Request-Id: abc\r\n")
    refuse_overload(connection, connection.next_request(), wait_s=0, is_last=True)
    assert caplog.messages == ["POST /predict 503 0.0 ms id=abc"]


@pytest.mark.parametrize(("error", "status"), [(InvalidRequestLine("x"), 400), (LimitRequestLine(9, 8), 414)])
def test_nonsense_is_refused_in_json(pair, error, status):
    connection, client = pair
    assert refuse_nonsense(connection, error) == status
    response, document = read_answer(client)
    assert (response.status, document["error"]["code"]) == (status, "malformed_http")
    assert len(response.headers["X-Request-Id"]) == 16
