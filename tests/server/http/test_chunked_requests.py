"""Requests whose body comes in chunks, as a parser hands them out."""

from __future__ import annotations

import pytest
from streams import check_given_up, make_parser, post, post_chunked, taken

from server.http.parser import CONTINUE
from server.request_errors import MalformedRequest, UploadTooLarge


def test_chunked_request_is_handed_out_when_it_is_whole(parser):
    whole = post_chunked(b"abc", b"de")
    for end in range(1, len(whole)):
        parser.feed(whole[end - 1 : end])
        assert parser.take() is None
    assert parser.num_missing
    parser.feed(whole[-1:] + post(b"next"))
    assert taken(parser) == [("/", b"abcde"), ("/", b"next")]


def test_chunked_body_is_counted_as_it_comes_and_given_up_over_budget(parser, budget):
    parser.feed(post_chunked(bytes(400), bytes(50))[:-17])
    assert parser.take() is None
    assert not budget.take(561)
    assert budget.take(560)
    parser.feed(bytes(10))
    check_given_up(parser.take())
    parser.finish()
    assert budget.take(440)


def test_chunked_body_larger_than_allowed_is_not_waited_for(parser):
    parser.feed(post_chunked(bytes(400), bytes(101))[:-107])
    request = parser.take()
    assert request.should_close()
    with pytest.raises(UploadTooLarge):
        request.body.read()


def test_chunked_body_that_is_cut_is_never_taken_for_whole(parser):
    parser.feed(post_chunked(b"abc")[:-7])
    assert parser.take() is None
    with pytest.raises(OSError, match="no end"):
        parser.abort().body.read()
    with pytest.raises(TimeoutError):
        parser.abort(TimeoutError()).body.read()


def test_client_with_a_chunked_body_that_asks_is_told_to_go_on(parser, sent):
    whole = post_chunked(b"abc", headers=b"Expect: 100-continue\r\n")
    parser.feed(whole[:-13])
    assert parser.take() is None
    assert sent == [CONTINUE]
    parser.feed(whole[-13:] + whole)
    assert taken(parser) == [("/", b"abc"), ("/", b"abc")]
    assert sent == [CONTINUE]


def test_request_in_many_chunks_is_handed_out_after_some_turns(parser):
    parser.feed(post_chunked(*[b"x"] * 400) + post(b"next"))
    assert parser.take() is None
    assert parser.is_paused
    parser.feed(b"")
    assert not parser.is_paused
    assert taken(parser) == [("/", b"x" * 400), ("/", b"next")]


def test_broken_chunk_is_no_http_whenever_it_comes(budget):
    broken = post_chunked(b"abc").replace(b"abc", b"abcd")
    parser = make_parser(budget)
    parser.feed(broken)
    with pytest.raises(MalformedRequest, match="Invalid chunk terminator"):
        parser.take()
    parser = make_parser(budget)
    parser.feed(broken[:-8])
    assert parser.take() is None
    with pytest.raises(MalformedRequest, match="Invalid chunk terminator"):
        parser.feed(broken[-8:])
