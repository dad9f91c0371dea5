"""Requests as the bytes that clients send, and what a parser takes of them."""

from __future__ import annotations

import pytest
from gunicorn.config import Config

from server.gunicorn_internals.request import plain_settings
from server.http.limits import Limits
from server.http.parser import RequestParser

SETTINGS = plain_settings(Config())


def make_parser(budget, send=lambda _: None):
    limits = Limits(SETTINGS, max_body_bytes=500, budget=budget, keepalive_s=1, read_timeout_s=1)
    return RequestParser(limits, ("127.0.0.1", 1), send)


def post(body, path=b"/", headers=b""):
    return b"POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s" % (path, headers, len(body), body)


def post_chunked(*chunks, path=b"/", headers=b""):
    head = b"POST %s HTTP/1.1\r\nHost: x\r\n%sTransfer-Encoding: chunked\r\n\r\n" % (path, headers)
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def taken(parser):
    """What can be handed out now: paths and bodies."""
    found = []
    while (request := parser.take()) is not None:
        found.append((request.path, bytes(request.body.read())))
        parser.finish()
    return found


def check_given_up(request):
    """Check that a request was handed out without its body, which is more than there is room for."""
    assert request.should_close()
    assert request.exceeds_budget
    with pytest.raises(OSError, match="too many bytes"):
        request.body.read()
