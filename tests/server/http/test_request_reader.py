"""Requests put together from bytes, in whatever pieces they come."""

from __future__ import annotations

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import ChunkMissingTerminator, InvalidHeader, LimitRequestHeaders, ParseException
from hypothesis import given
from hypothesis import strategies as st

from server.engine.errors import Overloaded
from server.http.limits import MAX_HEAD_BYTES, Limits, UploadBudget
from server.http.request_reader import CONTINUE, RequestReader, quick_copy
from server.request_errors import UploadTooLarge

CFG = quick_copy(Config())


class Wire:
    """Remembers what is sent."""

    def __init__(self):
        self.sent = b""

    def sendall(self, data):
        self.sent += data


@pytest.fixture
def budget():
    return UploadBudget(1000)


@pytest.fixture
def reader_of(budget):
    def reader_of(wire=None):
        return make_reader(budget, wire)

    return reader_of


def make_reader(budget, wire=None):
    limits = Limits(CFG, max_body_bytes=500, budget=budget, keepalive_s=1, read_timeout_s=1)
    return RequestReader(limits, ("127.0.0.1", 1), wire or Wire())


def post(body, path=b"/", headers=b""):
    return b"POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s" % (path, headers, len(body), body)


def post_chunked(*chunks, path=b"/", headers=b""):
    head = b"POST %s HTTP/1.1\r\nHost: x\r\n%sTransfer-Encoding: chunked\r\n\r\n" % (path, headers)
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def taken(reader):
    """What can be handed out now: paths and bodies."""
    found = []
    while (request := reader.take()) is not None:
        found.append((request.path, bytes(request.body.read())))
        reader.finish()
    return found


@given(
    st.lists(st.binary(max_size=200) | st.lists(st.binary(min_size=1, max_size=50), max_size=4), max_size=4),
    st.lists(st.integers(1, 400), max_size=30),
)
def test_requests_are_the_same_however_their_bytes_are_cut(bodies, sizes):
    stream = b"".join(
        post(body, b"/%d" % number) if isinstance(body, bytes) else post_chunked(*body, path=b"/%d" % number)
        for number, body in enumerate(bodies)
    )
    reader, found = make_reader(UploadBudget(1000)), []
    for size in sizes:
        reader.feed(stream[:size])
        stream = stream[size:]
        found += taken(reader)
    reader.feed(stream)
    found += taken(reader)
    assert found == [
        (f"/{number}", body if isinstance(body, bytes) else b"".join(body)) for number, body in enumerate(bodies)
    ]
    assert reader.is_idle


def test_request_is_handed_out_when_it_is_whole(reader_of):
    reader = reader_of()
    reader.feed(post(b"abc")[:-1])
    assert reader.take() is None
    assert reader.num_missing == 1
    reader.feed(b"c")
    assert taken(reader) == [("/", b"abc")]


def test_body_larger_than_allowed_is_not_waited_for(reader_of):
    reader = reader_of()
    reader.feed(post(bytes(501))[:100])
    request = reader.take()
    assert request.should_close()
    with pytest.raises(OSError, match="larger than allowed"):
        request.body.read()


def test_body_over_budget_is_given_up_and_its_bytes_are_free_again(reader_of, budget):
    budget.take(900)
    reader = reader_of()
    reader.feed(post(bytes(200))[:-120])
    assert reader.take() is None
    reader.feed(bytes(120))
    request = reader.take()
    assert request.should_close()
    with pytest.raises(Overloaded):
        request.body.read()
    reader.finish()
    assert budget.take(100)


def test_bytes_are_counted_until_the_request_is_finished(reader_of, budget):
    reader = reader_of()
    reader.feed(post(bytes(200)))
    reader.take()
    assert not budget.take(801)
    reader.finish()
    assert budget.take(1000)


def test_cut_request_gives_what_came(reader_of):
    reader = reader_of()
    reader.feed(post(b"abc")[:-1])
    assert reader.take() is None
    request = reader.cut()
    assert request.body.read(3) == b"ab"
    assert request.should_close()


def test_cut_request_raises_what_cut_it(reader_of):
    reader = reader_of()
    reader.feed(post(b"abc")[:-1])
    assert reader.take() is None
    with pytest.raises(TimeoutError):
        reader.cut(TimeoutError()).body.read(3)


@pytest.mark.parametrize(("body", "sent"), [(b"abc", CONTINUE), (bytes(501), b"")])
def test_client_that_asks_is_told_to_go_on_unless_its_body_is_too_large(reader_of, body, sent):
    wire = Wire()
    reader = reader_of(wire)
    reader.feed(post(body, headers=b"Expect: 100-continue\r\n")[: -len(body)])
    reader.take()
    assert wire.sent == sent


def test_client_that_sends_at_once_is_not_told_to_go_on(reader_of):
    wire = Wire()
    reader = reader_of(wire)
    reader.feed(post(b"abc", headers=b"Expect: 100-continue\r\n"))
    assert taken(reader) == [("/", b"abc")]
    assert wire.sent == b""


def test_chunked_request_is_handed_out_when_it_is_whole(reader_of):
    reader = reader_of()
    whole = post_chunked(b"abc", b"de")
    for end in range(1, len(whole)):
        reader.feed(whole[end - 1 : end])
        assert reader.take() is None
    assert reader.num_missing
    reader.feed(whole[-1:] + post(b"next"))
    assert taken(reader) == [("/", b"abcde"), ("/", b"next")]


def test_chunked_body_is_counted_as_it_comes_and_given_up_over_budget(reader_of, budget):
    reader = reader_of()
    reader.feed(post_chunked(bytes(400), bytes(50))[:-17])
    assert reader.take() is None
    assert not budget.take(561)
    assert budget.take(560)
    reader.feed(bytes(10))
    request = reader.take()
    assert request.should_close()
    with pytest.raises(Overloaded):
        request.body.read()
    reader.finish()
    assert budget.take(440)


def test_chunked_body_larger_than_allowed_is_not_waited_for(reader_of):
    reader = reader_of()
    reader.feed(post_chunked(bytes(400), bytes(101))[:-107])
    request = reader.take()
    assert request.should_close()
    with pytest.raises(UploadTooLarge):
        request.body.read()


def test_chunked_body_that_is_cut_is_never_taken_for_whole(reader_of):
    reader = reader_of()
    reader.feed(post_chunked(b"abc")[:-7])
    assert reader.take() is None
    with pytest.raises(OSError, match="No more data"):
        reader.cut().body.read()
    with pytest.raises(TimeoutError):
        reader.cut(TimeoutError()).body.read()


def test_client_with_a_chunked_body_that_asks_is_told_to_go_on(reader_of):
    wire = Wire()
    reader = reader_of(wire)
    whole = post_chunked(b"abc", headers=b"Expect: 100-continue\r\n")
    reader.feed(whole[:-13])
    assert reader.take() is None
    assert wire.sent == CONTINUE
    reader.feed(whole[-13:] + whole)
    assert taken(reader) == [("/", b"abc"), ("/", b"abc")]
    assert wire.sent == CONTINUE


def test_broken_chunk_is_no_http_whenever_it_comes(reader_of):
    broken = post_chunked(b"abc").replace(b"abc", b"abcd")
    reader = reader_of()
    reader.feed(broken)
    with pytest.raises(ChunkMissingTerminator):
        reader.take()
    reader = reader_of()
    reader.feed(broken[:-8])
    assert reader.take() is None
    with pytest.raises(ChunkMissingTerminator):
        reader.feed(broken[-8:])


def test_body_of_two_lengths_is_refused(reader_of):
    reader = reader_of()
    reader.feed(post_chunked(b"abc", headers=b"Content-Length: 3\r\n"))
    with pytest.raises(InvalidHeader):
        reader.take()


@pytest.mark.parametrize(
    "line", [b"NONSENSE\r\n", b"GET / HTTP/1.1\nHost: x\n\n", b"GET / HTTP/1.1\r\nBad Header\r\n\r\n"]
)
def test_what_is_no_http_is_refused(reader_of, line):
    reader = reader_of()
    reader.feed(line)
    with pytest.raises(ParseException):
        reader.take()


def test_head_without_end_is_refused(reader_of):
    reader = reader_of()
    reader.feed(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (MAX_HEAD_BYTES // 6 + 1))
    with pytest.raises(LimitRequestHeaders):
        reader.take()


def test_blank_line_before_a_request_is_ignored(reader_of):
    reader = reader_of()
    reader.feed(b"\r\n" + post(b"abc"))
    assert taken(reader) == [("/", b"abc")]
