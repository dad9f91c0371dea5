"""Requests put together from bytes, in whatever pieces they come."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import SETTINGS, check_given_up, make_parser, post, post_chunked, taken

from server.gunicorn_internals.request import parse_request
from server.http.limits import MAX_HEAD_BYTES, Limits, UploadBudget
from server.http.parser import CONTINUE, RequestParser
from server.request_errors import MalformedRequest, MissingApiKey


@given(
    st.lists(st.binary(max_size=200) | st.lists(st.binary(min_size=1, max_size=50), max_size=4), max_size=4),
    st.lists(st.integers(1, 400), max_size=30),
)
def test_requests_are_the_same_however_their_bytes_are_cut(bodies, sizes):
    stream = b"".join(
        post(body, b"/%d" % number) if isinstance(body, bytes) else post_chunked(*body, path=b"/%d" % number)
        for number, body in enumerate(bodies)
    )
    parser, found = make_parser(UploadBudget(1000)), []
    for size in sizes:
        parser.feed(stream[:size])
        stream = stream[size:]
        found += taken(parser)
    parser.feed(stream)
    found += taken(parser)
    assert found == [
        (f"/{number}", body if isinstance(body, bytes) else b"".join(body)) for number, body in enumerate(bodies)
    ]
    assert parser.is_idle


def test_request_is_handed_out_when_it_is_whole(parser):
    parser.feed(post(b"abc")[:-1])
    assert parser.take() is None
    assert parser.num_missing == 1
    parser.feed(b"c")
    assert taken(parser) == [("/", b"abc")]


@pytest.mark.parametrize("stream", [post(bytes(500)), post_chunked(bytes(300), bytes(200))], ids=["whole", "chunked"])
def test_body_may_be_as_large_as_allowed(parser, stream):
    parser.feed(stream)
    assert taken(parser) == [("/", bytes(500))]


def test_body_larger_than_allowed_is_not_waited_for(parser):
    parser.feed(post(bytes(501))[:100])
    request = parser.take()
    assert request.should_close()
    with pytest.raises(OSError, match="larger than allowed"):
        request.body.read()


@pytest.mark.parametrize("framing", [b"Content-Length: 400\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_body_of_a_stranger_is_not_read(budget, framing):
    asked = []
    limits = Limits(
        SETTINGS,
        max_body_bytes=500,
        budget=budget,
        keepalive_s=1,
        read_timeout_s=1,
        body_refusal=lambda headers, address: asked.append((dict(headers)["X-A"], address)) or MissingApiKey("no"),
    )
    sent = []
    parser = RequestParser(limits, ("127.0.0.1", 1), sent.append)
    parser.feed(b"POST / HTTP/1.1\r\nHost: x\r\nX-A: b\r\nExpect: 100-continue\r\n" + framing + b"\r\n5\r\nabcde\r\n")
    request = parser.take()
    assert (asked, sent) == ([("b", "127.0.0.1")], [])
    assert request.should_close()
    assert budget.take(1000)
    with pytest.raises(MissingApiKey):
        request.body.read()


@pytest.mark.parametrize(
    ("received", "origin"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n\r\n", "https://a.example"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ""),
        (b"GET / HTTP/1.1\r\nHost: x y\r\norigin:https://a.example \r\n\r\n", "https://a.example"),
        (b"GET / HTTP/1.1\r\nHost: x y\r\nX-Origin: https://a.example\r\n\r\n", ""),
        (b"POST / HTTP/1.1\r\nHost: x\r\nOrigin: null\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "null"),
    ],
    ids=["whole", "without", "malformed", "malformed without", "malformed body"],
)
def test_origin_is_known_of_a_malformed_request_too(parser, received, origin):
    with contextlib.suppress(MalformedRequest):
        parser.feed(received)
        parser.take()
    assert parser.origin == origin


def test_request_without_a_body_asks_nobody(budget):
    limits = Limits(SETTINGS, 500, budget, keepalive_s=1, read_timeout_s=1, body_refusal=lambda *_: 1 / 0)
    parser = RequestParser(limits, ("127.0.0.1", 1), lambda _: None)
    parser.feed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert taken(parser) == [("/", b"")]


def test_body_over_budget_is_given_up_and_its_bytes_are_free_again(parser, budget):
    budget.take(900)
    parser.feed(post(bytes(200))[:-120])
    assert parser.take() is None
    parser.feed(bytes(120))
    check_given_up(parser.take())
    parser.finish()
    assert budget.take(100)


def test_bytes_are_counted_until_the_request_is_finished(parser, budget):
    parser.feed(post(bytes(200)))
    parser.take()
    assert not budget.take(801)
    parser.finish()
    assert budget.take(1000)


def test_cut_request_gives_what_came(parser):
    parser.feed(post(b"abc")[:-1])
    assert parser.take() is None
    request = parser.abort()
    assert request.body.read(3) == b"ab"
    assert request.should_close()


def test_cut_request_raises_what_cut_it(parser):
    parser.feed(post(b"abc")[:-1])
    assert parser.take() is None
    with pytest.raises(TimeoutError):
        parser.abort(TimeoutError()).body.read(3)


@pytest.mark.parametrize(("body", "expected"), [(b"abc", [CONTINUE]), (bytes(501), [])])
def test_client_that_asks_is_told_to_go_on_unless_its_body_is_too_large(parser, sent, body, expected):
    parser.feed(post(body, headers=b"Expect: 100-continue\r\n")[: -len(body)])
    parser.take()
    assert sent == expected


def test_client_that_sends_at_once_is_not_told_to_go_on(parser, sent):
    parser.feed(post(b"abc", headers=b"Expect: 100-continue\r\n"))
    assert taken(parser) == [("/", b"abc")]
    assert sent == []


def test_head_is_parsed_where_a_line_has_come_and_not_for_every_byte(parser, monkeypatch):
    parsed = []

    def parse(*args):
        parsed.append(args[0])
        return parse_request(*args)

    monkeypatch.setattr("server.http.parser.parse_request", parse)
    stream = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    for index in range(len(stream)):
        parser.feed(stream[index : index + 1])
        found = parser.take()
    assert found.path == "/"
    assert len(parsed) == 3


def test_head_of_many_lines_is_parsed_some_times_and_not_for_every_line(parser, monkeypatch):
    parsed = []
    monkeypatch.setattr("server.http.parser.parse_request", lambda *args: parsed.append(0) or parse_request(*args))
    parser.feed(b"GET / HTTP/1.1\r\nHost: x\r\n")
    for _ in range(90):
        assert parser.take() is None
        parser.feed(b"X: %s\r\n" % bytes(b"y" * 500))
    parser.feed(b"\r\n")
    assert parser.take().path == "/"
    assert len(parsed) < 30


@pytest.mark.parametrize(
    ("stream", "status", "words"),
    [
        (b"NONSENSE\r\n", 400, "Invalid HTTP request line: 'NONSENSE'"),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400, "bare LF as line terminator"),
        (b"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400, "Invalid HTTP Header: 'HOST'"),
        (b"GET / HTTP/1.1\r\nBad Header\r\n\r\n", 400, "Invalid HTTP Header: 'Bad Header'"),
        (b"GET / HTTP/1.1\r\nX: y\r\n z\r\n\r\n", 400, "Obsolete line folding"),
        (post_chunked(b"abc", headers=b"Content-Length: 3\r\n"), 400, "Invalid HTTP Header: 'CONTENT-LENGTH'"),
        (post(b"abc", headers=b"Content-Length: 4\r\n"), 400, "Invalid HTTP Header: 'CONTENT-LENGTH'"),
        (post(b"abc", headers=b"Transfer-Encoding: gzip\r\n"), 400, "Invalid HTTP Header: 'TRANSFER-ENCODING'"),
        (post_chunked(b"abc").replace(b"1.1", b"1.0"), 400, "Invalid HTTP Header: 'TRANSFER-ENCODING'"),
        (post_chunked(headers=b"Transfer-Encoding: bogus\r\n"), 501, "Unsupported transfer coding: 'bogus'"),
        (post(b"abc", headers=b"Expect: a miracle\r\n"), 417, "a miracle"),
        (b"GET /" + b"x" * 9000, 414, "Request Line is too large"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431, "limit request headers fields"),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 9000 + b"\r\n\r\n", 431, "limit request headers fields size"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (MAX_HEAD_BYTES // 6 + 1), 431, "the head is too large"),
        (b"GET / HTTP/1.1\r\n" + (b"X: %s\r\n" % (b"y" * 996)) * 66 + b"\r\n", 431, "the head is too large"),
    ],
)
def test_what_is_no_http_is_refused(parser, stream, status, words):
    parser.feed(stream)
    with pytest.raises(MalformedRequest) as caught:
        parser.take()
    assert words in str(caught.value)
    assert caught.value.status == status


def test_names_with_an_underscore_and_trailers_never_become_headers(parser):
    parser.feed(post_chunked(b"abc", headers=b"X-Forwarded-For: a\r\nX_Forwarded_For: b\r\n")[:-2] + b"Late: c\r\n\r\n")
    request = parser.take()
    assert request.body.read() == b"abc"
    assert request.headers == [("HOST", "x"), ("X-FORWARDED-FOR", "a"), ("TRANSFER-ENCODING", "chunked")]


def test_blank_line_before_a_request_is_ignored(parser):
    parser.feed(b"\r\n" + post(b"abc"))
    assert taken(parser) == [("/", b"abc")]
