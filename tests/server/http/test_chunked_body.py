"""Chunked bodies decoded: the same however they are cut, and never otherwise than gunicorn's own parser has them."""

from __future__ import annotations

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.message import Request as GunicornRequest
from gunicorn.http.unreader import IterUnreader
from hypothesis import example, given
from hypothesis import strategies as st

from server.gunicorn_internals.request import parse_request, plain_settings
from server.http.chunked_body import ChunkedBody
from server.http.limits import CHUNKS_PER_TURN, MAX_LINE_BYTES, MAX_TRAILER_BYTES
from server.request_errors import MalformedRequest, UploadTooLarge

SETTINGS = plain_settings(Config())
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
EXTENSIONS = [b"", b";a", b" ; a = b;c", b';a="b;\\"c"']
TRAILERS = [b"", b"X: y\r\n", b"X: y\r\nZ:\r\n"]
# What chunked bodies are made of, and what a proxy might take for it.
SCRAPS = [
    b"0",
    b"1",
    b"2",
    b"a",
    b"F",
    b"\r",
    b"\n",
    b"\r\n",
    b"0\r\n\r\n",
    b"1\r\nx\r\n",
    b";",
    b"=",
    b'"',
    b"\\",
    b" ",
]
SCRAPS += [b"\t", b"x", b"-", b"+", b"0x", b"_", b":", b"X: y\r\n", b"Content-Length: 1\r\n"]
BODIES = st.lists(st.sampled_from(SCRAPS), max_size=12).map(b"".join)
CUTS = st.lists(st.integers(1, 20), max_size=20)


def request_of(head):
    return parse_request(head, SETTINGS, ("127.0.0.1", 1), 1)[0]


@pytest.fixture
def chunked():
    return ChunkedBody(request_of(HEAD), 1000)


def cut(stream, sizes):
    for size in sizes:
        yield stream[:size]
        stream = stream[size:]
    yield stream


def decoded(pieces):
    """What is made of a body: its data and what follows, or the error, or nothing where more has to come."""
    chunked = ChunkedBody(request_of(HEAD), 1000)
    data = rest = b""
    for piece in pieces:
        if not chunked.num_missing:
            rest += piece
            continue
        try:
            data += chunked.feed(piece)
        except (MalformedRequest, UploadTooLarge) as error:
            return str(error)
        if not chunked.num_missing:
            rest = chunked.rest
    return None if chunked.num_missing else (data, rest)


def decoded_by_gunicorn(stream):
    """The same by gunicorn's parser, whose errors are others in places."""
    unreader = IterUnreader([HEAD + stream])
    try:
        data = GunicornRequest(SETTINGS, unreader, ("127.0.0.1", 1)).body.read()
    except (ParseException, NoMoreData):
        return None
    return data, unreader.take_buffered()


@given(
    st.lists(st.tuples(st.binary(min_size=1, max_size=40), st.sampled_from(EXTENSIONS)), max_size=5),
    st.sampled_from(TRAILERS),
    CUTS,
)
def test_data_come_out_as_they_went_in_however_they_are_cut(chunks, trailer, sizes):
    stream = b"".join(b"%x%s\r\n%s\r\n" % (len(data), extension, data) for data, extension in chunks)
    stream += b"0\r\n" + trailer + b"\r\nGET"
    assert decoded(cut(stream, sizes)) == (b"".join(data for data, _ in chunks), b"GET")


@given(BODIES, CUTS)
@example(b"2\r\nx0\r\n0\r\n\r\n", [7])
def test_any_bytes_are_a_body_or_a_named_error_however_they_are_cut(stream, sizes):
    assert decoded(cut(stream, sizes)) == decoded([stream])


@given(BODIES)
@example(b"1\nx\r\n0\r\n\r\n")
@example(b"1\r\nx\n0\r\n\r\n")
@example(b"0\r\nX: y\n\r\n")
def test_no_bytes_are_read_otherwise_than_by_gunicorn(stream):
    found = decoded([stream])
    assert (found if isinstance(found, tuple) else None) == decoded_by_gunicorn(stream)


def test_many_chunks_are_decoded_in_turns(chunked):
    stream = b"1\r\nx\r\n" * CHUNKS_PER_TURN + b"0\r\n\r\nGET"
    first = chunked.feed(stream)
    assert (first, chunked.is_paused, chunked.num_missing > 0) == (b"x" * (CHUNKS_PER_TURN - 1), True, True)
    assert (chunked.feed(b""), chunked.is_paused, chunked.num_missing) == (b"x", False, 0)
    assert chunked.rest == b"GET"


def test_trailer_never_becomes_a_header():
    request = request_of(HEAD)
    assert ChunkedBody(request, 1000).feed(b"1\r\nx\r\n0\r\nChecksum: y\r\n\r\n") == b"x"
    assert request.headers == request_of(HEAD).headers


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"\r\n", "400 Invalid chunk size"),
        (b"zz\r\n", "400 Invalid chunk size"),
        (b"-1\r\n", "400 Invalid chunk size"),
        (b"0x1\r\n", "400 Invalid chunk size"),
        (b"1 \r\n", "400 Invalid chunk size"),
        (b"1\n", "400 Invalid chunk size"),
        (b"1;\0=1\r\n", "400 Invalid chunk size"),
        (b"1;" + b"x" * MAX_LINE_BYTES, "400 Invalid chunk size"),
        (b"1\r\nxx\r\n", "400 Invalid chunk terminator"),
        (b"1\r\nx\n", "400 Invalid chunk terminator"),
        (b"0\r\nno field\r\n\r\n", "400 Invalid HTTP Header"),
        (b"0\r\nX: y\n\r\n", "400 Invalid HTTP Header"),
        (b"0\r\nContent-Length: 1\r\n\r\n", "400 Invalid HTTP header name"),
        (b"0\r\nX: " + b"y" * MAX_TRAILER_BYTES, "431 the trailer is too large"),
        (b"0\r\n" + b"X: y\r\n" * (MAX_TRAILER_BYTES // 6 + 1), "431 the trailer is too large"),
    ],
)
def test_broken_body_is_refused_as_soon_as_it_shows(chunked, stream, error):
    with pytest.raises(MalformedRequest) as caught:
        chunked.feed(stream)
    status, _, words = error.partition(" ")
    assert (caught.value.status, words in str(caught.value)) == (int(status), True)


def test_no_more_data_are_taken_in_than_allowed(chunked):
    chunked.feed(b"3e7\r\n" + bytes(999) + b"\r\n")
    with pytest.raises(UploadTooLarge, match="at most 1000 bytes"):
        chunked.feed(b"2\r\n")


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"identity, chunked", b"identity\r\nTransfer-Encoding: chunked"])
def test_other_codings_are_refused(coding):
    with pytest.raises(MalformedRequest, match="Unsupported transfer coding"):
        ChunkedBody(request_of(HEAD.replace(b"chunked", coding)), 1000)


def test_coding_may_be_spelled_with_capitals():
    assert ChunkedBody(request_of(HEAD.replace(b"chunked", b"Chunked")), 1000).feed(b"1\r\nx\r\n0\r\n\r\n") == b"x"
