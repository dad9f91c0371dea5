"""A head that has been parsed before is what parsing it again would give, whoever sends it."""

from __future__ import annotations

import pytest
from gunicorn.config import Config
from hypothesis import given
from hypothesis import strategies as st
from streams import SETTINGS, post

from server.gunicorn_internals.request import parse_request, plain_settings
from server.http.known_heads import MAX_BYTES, MAX_HEADS
from server.http.limits import Limits, UploadBudget
from server.http.parser import RequestParser
from server.request_errors import MalformedRequest

HERE, THERE = ("127.0.0.1", 1), ("192.0.2.1", 2)
LINES = [
    b"GET /a?b=c HTTP/1.1",
    b"POST / HTTP/1.1",
    b"POST / HTTP/1.0",
    b"CONNECT x:1 HTTP/1.1",
    b"GET http://x/a HTTP/1.1",
]
FIELDS = [
    b"Host: x",
    b"Host: y",
    b"Host: x y",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Expect: 100-continue",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"X-Forwarded-Proto: https",
    b"X_Y: z",
    b"content-length: 3",
    b"Content-Length:3",
    b"Content-Length: 03",
    b"Content-Length: 3 ",
    b"Content-Length:  3",
    b"Content-Length: 3x",
    b"Content-Length: ",
    b"Content-Length: -3",
    b"X: Content-Length: 3",
    b"Content-Length: 9999999999999999",
]
HEADS = st.tuples(
    st.sampled_from(LINES),
    st.lists(
        st.sampled_from(FIELDS)
        | st.builds(b"Content-Length: %d".__mod__, st.integers(0, 10**6))
        | st.binary(max_size=4).map(b"X: ".__add__),
        max_size=4,
    ),
).map(lambda head: b"\r\n".join((head[0], b"Host: x", *head[1], b"", b"")))


def found(limits, head, address):
    """What a new connection makes of a head: all that is known of its request, or the status of an error."""
    parser = RequestParser(limits, address, lambda _: None)
    parser.feed(head)
    try:
        parser.take()
    except MalformedRequest as error:
        return error.status
    request = parser._request
    if request is None:
        return None
    values = {name: value for name, value in vars(request).items() if name not in ("unreader", "of_head", "body")}
    return {**values, "closes": request.should_close(), "missing": parser.num_missing}


def limits(settings=SETTINGS):
    return Limits(settings, 500, UploadBudget(1000), keepalive_s=1, read_timeout_s=1)


@given(st.lists(st.tuples(HEADS, st.sampled_from([HERE, THERE])), min_size=1, max_size=3))
def test_known_head_is_what_it_would_be_if_it_were_parsed(heads):
    known = limits()
    for head, address in heads * 2:
        assert found(known, head, address) == found(limits(), head, address)


@pytest.fixture
def parsed(monkeypatch):
    """The heads that gunicorn has parsed."""
    heads = []

    def parse(data, *others):
        heads.append(data)
        return parse_request(data, *others)

    monkeypatch.setattr("server.http.parser.parse_request", parse)
    return heads


def test_head_is_parsed_once_whatever_the_length_of_its_body(parsed):
    known = limits()
    for body in (b"a", b"bc" * 50, b""):
        parser = RequestParser(known, HERE, lambda _: None)
        parser.feed(post(body) * 2)
        for _ in range(2):
            request = parser.take()
            assert (request.num_body_bytes, request.body.read()) == (len(body), body)
            assert dict(request.headers)["CONTENT-LENGTH"] == str(len(body))
            parser.finish()
    assert len(parsed) == 1


def test_request_that_is_closed_by_force_leaves_the_next_alone(parsed):
    known = limits()
    assert found(known, post(b"abc")[:-3], HERE)["closes"] is False
    for _ in range(2):
        parser = RequestParser(known, HERE, lambda _: None)
        parser.feed(post(b"abc")[:-1])
        parser.take()
        assert parser.abort().should_close()
    assert found(known, post(b"abc")[:-3], HERE)["closes"] is False
    assert len(parsed) == 1


def test_what_a_proxy_may_say_a_stranger_may_not():
    config = Config()
    config.set("forwarded_allow_ips", "192.0.2.1")
    known = limits(plain_settings(config))
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\n\r\n"
    for _ in range(2):
        assert found(known, head, THERE)["scheme"] == "https"
        assert found(known, head, HERE)["scheme"] == "http"
        assert found(known, head, THERE)["peer_addr"] == THERE


def test_heads_that_are_known_are_few_and_short(parsed):
    known = limits()
    heads = [b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(MAX_HEADS + 1)]
    long = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (MAX_BYTES * b"a")
    for head in (*heads, long, heads[-1], long, heads[0]):
        assert found(known, head, HERE)["method"] == "GET"
    assert parsed == [*heads, long, long, heads[0]]
