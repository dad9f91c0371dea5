"""Where a request ends and the next begins, in streams that a proxy might cut elsewhere: (bytes, outcome).

A status means that nothing of the stream is answered otherwise; behind every stream that is accepted comes another
request, which must be found where it begins. Where the server takes what RFC 9112 has it refuse, a comment says so.
"""

from __future__ import annotations

import pytest

CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"
CODED = b"Transfer-Encoding: chunked\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"
TAKEN = ["POST / abc", "GET /next"]
TOO_LARGE = ["POST / is too large", "closes"]


def post(fields, body=b"", version=b"1.1"):
    return b"POST / HTTP/" + version + b"\r\nHost: x\r\n" + fields + b"\r\n" + body


# Fields of a POST before the content "abc": how long is it?
LENGTHS = [
    (b"Content-Length: 3\r\n", TAKEN),
    (b"content-length:3\r\n", TAKEN),
    (b"Content-Length:  \t3 \t\r\n", TAKEN),
    (b"Content-Length: 003\r\n", TAKEN),
    (b"Content-Length: +3\r\n", 400),
    (b"Content-Length: -3\r\n", 400),
    (b"Content-Length: -0\r\n", 400),
    (b"Content-Length: 0x3\r\n", 400),
    (b"Content-Length: 3.0\r\n", 400),
    (b"Content-Length: 3e0\r\n", 400),
    (b"Content-Length: 0_3\r\n", 400),
    (b"Content-Length: 3 3\r\n", 400),
    (b"Content-Length: 3;\r\n", 400),
    (b'Content-Length: "3"\r\n', 400),
    (b"Content-Length:\r\n", 400),
    (b"Content-Length: \x0b3\r\n", 400),
    (b"Content-Length: 3\x0c\r\n", 400),
    (b"Content-Length: 3\0\r\n", 400),
    (b"Content-Length: 3\xa0\r\n", 400),
    (b"Content-Length: \xb3\r\n", 400),  # a superscript, for latin-1
    (b"Content-Length: \xd9\xa3\r\n", 400),  # a digit, for UTF-8
    (b"Content-Length: 3\r\nContent-Length: 3\r\n", 400),
    (b"Content-Length: 3\r\nContent-Length: 0\r\n", 400),
    (b"Content-Length: 3, 3\r\n", 400),
    (b"Content-Length: 3,0\r\n", 400),
    (b"Content-Length : 3\r\n", 400),
    (b"Content-Length\t: 3\r\n", 400),
    (b"Content-Length\0: 3\r\n", 400),
    (b" Content-Length: 3\r\n", 400),
    (b"Content-Length:\r\n 3\r\n", 400),
    (b"X: y\r\n Content-Length: 3\r\n", 400),
    (b"X: y\nContent-Length: 3\r\n", 400),
    (b"X: y\rContent-Length: 3\r\n", 400),
    (b"Content-Length: 3\nX: y\r\n", 400),
    (b"Content-Length: " + b"0" * 5000 + b"3\r\n", 400),
    (b"Content-Length: 501\r\n", TOO_LARGE),
    (b"Content-Length: 18446744073709551619\r\n", TOO_LARGE),  # 3, in 64 bits
    # No field of a proxy's either, so there is no content, and what follows is no request.
    (b"Content_Length: 3\r\n", ["POST /", 400]),
    (b"", ["POST /", 400]),
]

# Fields of a POST before chunks.
CODINGS = [
    (CODED, TAKEN),
    (b"transfer-encoding:CHUNKED\r\n", TAKEN),
    (b"Transfer-Encoding:\t chunked \t\r\n", TAKEN),
    (b"Content-Length: 3\r\n" + CODED, 400),
    (b"Content-Length: 13\r\n" + CODED, 400),
    (b"Content-Length: 0\r\n" + CODED, 400),
    (CODED + b"Content-Length: 13\r\n", 400),
    (CODED + b"Content-Length: x\r\n", 400),
    (CODED + CODED, 400),
    (CODED + b"Transfer-Encoding: identity\r\n", 400),
    (CODED + b"Transfer-Encoding: x\r\n", 501),
    (b"Transfer-Encoding: identity\r\n" + CODED, 501),
    (b"Transfer-Encoding: x\r\n" + CODED, 501),
    (b"Transfer-Encoding:\r\n", 501),
    (b"Transfer-Encoding: identity\r\n", 400),
    (b"Transfer-Encoding: gzip\r\n", 400),
    (b"Transfer-Encoding: gzip\r\nContent-Length: 13\r\n", 400),
    (b"Transfer-Encoding: chunked, identity\r\n", 400),
    (b"Transfer-Encoding: chunked, chunked\r\n", 400),
    (b"Transfer-Encoding: chunked, gzip\r\n", 400),
    (b"Transfer-Encoding: identity, chunked\r\n", 501),
    (b"Transfer-Encoding: gzip, chunked\r\n", 501),
    (b"Transfer-Encoding: ,chunked\r\n", 501),
    (b"Transfer-Encoding: chunked,\r\n", 501),
    (b"Transfer-Encoding: chunked;q=1\r\n", 501),
    (b'Transfer-Encoding: "chunked"\r\n', 501),
    (b"Transfer-Encoding: xchunked\r\n", 501),
    (b"Transfer-Encoding: chunkedx\r\n", 501),
    (b"Transfer-Encoding: chunk ed\r\n", 501),
    (b"Transfer-Encoding: chun\xe7ked\r\n", 501),
    (b"Transfer-Encoding: chunked\xa0\r\n", 501),
    (b"Transfer-Encoding: \x0bchunked\r\n", 400),
    (b"Transfer-Encoding: chunked\0\r\n", 400),
    (b"Transfer-Encoding: \rchunked\r\n", 400),
    (b"Transfer-Encoding : chunked\r\n", 400),
    (b"Transfer-Encoding\t: chunked\r\n", 400),
    (b" Transfer-Encoding: chunked\r\n", 400),
    (b"Transfer-Encoding:\r\n chunked\r\n", 400),
    (b"Transfer-Encoding: x\r\n\tchunked\r\n", 400),
    (b"X: y\r\n Transfer-Encoding: chunked\r\n", 400),
    (b"X: y\nTransfer-Encoding: chunked\r\n", 400),
    (b"X: y\rTransfer-Encoding: chunked\r\n", 400),
    (b"Tran\xc5\xbffer-Encoding: chunked\r\n", 400),  # an s, once it is in capitals
    (b"Transfer_Encoding: chunked\r\n", ["POST /", 400]),
]

# Bodies that are announced as chunked.
BODIES = [
    (b"3\r\nabc\r\n0\r\n\r\n", TAKEN),
    (b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", TAKEN),
    (b"0003\r\nabc\r\n000\r\n\r\n", TAKEN),
    (b"0" * 20 + b"3\r\nabc\r\n0\r\n\r\n", TAKEN),
    (b"A\r\n0123456789\r\n0\r\n\r\n", ["POST / 0123456789", "GET /next"]),
    (b"0x3\r\nabc\r\n0\r\n\r\n", 400),
    (b"+3\r\nabc\r\n0\r\n\r\n", 400),
    (b"-3\r\nabc\r\n0\r\n\r\n", 400),
    (b"0_3\r\nabc\r\n0\r\n\r\n", 400),
    (b" 3\r\nabc\r\n0\r\n\r\n", 400),
    (b"3 \r\nabc\r\n0\r\n\r\n", 400),
    (b"3\t\r\nabc\r\n0\r\n\r\n", 400),
    (b"3 3\r\nabc\r\n0\r\n\r\n", 400),
    (b"3,\r\nabc\r\n0\r\n\r\n", 400),
    (b"3\0\r\nabc\r\n0\r\n\r\n", 400),
    (b"\r\nabc\r\n0\r\n\r\n", 400),
    (b"g\r\nabc\r\n0\r\n\r\n", 400),
    (b"3\nabc\r\n0\r\n\r\n", 400),
    (b"3\rabc\r\n0\r\n\r\n", 400),
    (b"3\rx\nabc\r\n0\r\n\r\n", 400),
    (b"3\r\r\nabc\r\n0\r\n\r\n", 400),
    (b"3\r\nabc\n0\r\n\r\n", 400),
    (b"3\r\nabc\r0\r\n\r\n", 400),
    (b"3\r\nabc0\r\n\r\n", 400),
    (b"3\r\nabc\r\n\r\n0\r\n\r\n", 400),
    (b"2\r\nabc\r\n0\r\n\r\n", 400),
    (b"1f5\r\nabc\r\n0\r\n\r\n", TOO_LARGE),
    (b"10000000000000003\r\nabc\r\n0\r\n\r\n", TOO_LARGE),  # 3, in 64 bits
    (b"ffffffffffffffff\r\nabc\r\n0\r\n\r\n", TOO_LARGE),  # -1, in 64 bits
    # Extensions.
    (b"3;a=b\r\nabc\r\n0;c\r\n\r\n", TAKEN),
    (b'3 ; a = "b;\\"c"\r\nabc\r\n0\r\n\r\n', TAKEN),
    (b"3;a\nabc\r\n0\r\n\r\n", 400),
    (b"3;a\nb\r\nabc\r\n0\r\n\r\n", 400),
    (b"3;a\rb\r\nabc\r\n0\r\n\r\n", 400),
    (b"3;a\r\r\nabc\r\n0\r\n\r\n", 400),
    (b'3;a="\r\n"\r\nabc\r\n0\r\n\r\n', 400),
    (b'3;a="\n"\r\nabc\r\n0\r\n\r\n', 400),
    (b'3;a="b\r\nabc\r\n0\r\n\r\n', 400),
    (b'3;a="b"c\r\nabc\r\n0\r\n\r\n', 400),
    (b"3;\0\r\nabc\r\n0\r\n\r\n", 400),
    (b"3;a=\x7f\r\nabc\r\n0\r\n\r\n", 400),
    (b"3;\r\nabc\r\n0\r\n\r\n", 400),
    (b"3;=b\r\nabc\r\n0\r\n\r\n", 400),
    (b"3;a=\r\nabc\r\n0\r\n\r\n", 400),
    (b"3 a\r\nabc\r\n0\r\n\r\n", 400),
    (b"3;" + b"a" * 9000 + b"\r\nabc\r\n0\r\n\r\n", 400),
    # The end, and what stands before it.
    (b"3\r\nabc\r\n0\n\n", 400),
    (b"3\r\nabc\r\n0\r\n", 400),  # the next request's line is no field of a trailer
    (b"3\r\nabc\r\n0\r\n\n", 400),
    (b"3\r\nabc\r\n0\r\n\r", 400),
    (b"3\r\nabc\r\n", 400),
    (b"3\r\nabc\r\n0\r\nX: y\r\nX_Z: y\r\nContent-Type: a/b\r\n\r\n", TAKEN),
    (b"3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n", 400),
    (b"3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"3\r\nabc\r\n0\r\nHost: y\r\n\r\n", 400),
    (b"3\r\nabc\r\n0\r\nauthorization: y\r\n\r\n", 400),
    (b"3\r\nabc\r\n0\r\nTrailer: y\r\n\r\n", 400),
    (b"3\r\nabc\r\n0\r\nTE: y\r\n\r\n", 400),
    (b"3\r\nabc\r\n0\r\nX\r\n\r\n", 400),
    (b"3\r\nabc\r\n0\r\nX : y\r\n\r\n", 400),
    (b"3\r\nabc\r\n0\r\nX: y\n\r\n", 400),
    (b"3\r\nabc\r\n0\r\nX: y\r\n z\r\n\r\n", 400),
    (b"3\r\nabc\r\n0\r\nX: \0\r\n\r\n", 400),
    (b"3\r\nabc\r\n0\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
]

# Whole streams.
STREAMS = [
    (b"", []),
    (NEXT + post(b"Content-Length: 3\r\n", b"abc" + NEXT), ["GET /next", *TAKEN]),
    (NEXT + post(CODED, b"x\r\n") + NEXT, ["GET /next", 400]),
    (NEXT + post(b"Content-Length: 501\r\n", NEXT), ["GET /next", *TOO_LARGE]),
    (post(b"Content-Length: 3\r\n", b"abc\r\n" + NEXT), TAKEN),
    (post(b"Content-Length: 3\r\n", b"abc\n" + NEXT), ["POST / abc", 400]),
    (post(b"Content-Length: 3\r\n", b"abcd" + NEXT), ["POST / abc", 400]),
    (post(b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n", b"abc" + NEXT), TAKEN),
    (post(b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + CODED, CHUNKS + NEXT), TAKEN),
    (post(b"Expect: 100-continue\r\nContent-Length: 3\r\n", b"abc" + NEXT), TAKEN),
    (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + NEXT, ["GET / abc", "GET /next"]),
    (b"GET / HTTP/1.1\r\nHost: x\r\n" + CODED + b"\r\n" + CHUNKS + NEXT, ["GET / abc", "GET /next"]),
    (post(CODED, CHUNKS, b"1.0"), 400),
    (post(b"Content-Length: 13\r\n" + CODED, CHUNKS, b"1.0"), 400),
    (post(b"Content-Length: 3\r\n", b"abc" + NEXT, b"1.0"), ["POST / abc", "closes"]),
    (post(b"Connection: keep-alive\r\nContent-Length: 3\r\n", b"abc" + NEXT, b"1.0"), TAKEN),
    # Not whole yet.
    (post(b"Content-Length: 3\r\n", b"ab"), ["waits"]),
    (post(CODED, b"3\r\nabc\r\n0\r\n"), ["waits"]),
    (post(CODED, b"3\r\nabc\r\n0\r\n\r"), ["waits"]),
]

CASES = [
    *((post(fields, b"abc" + NEXT), expected) for fields, expected in LENGTHS),
    *((post(fields, CHUNKS + NEXT), expected) for fields, expected in CODINGS),
    *((post(CODED, body + NEXT), expected) for body, expected in BODIES),
    *STREAMS,
]


@pytest.mark.parametrize(("stream", "expected"), CASES, ids=[f"{stream[:80]!r}" for stream, _ in CASES])
def test_stream_is_read_in_one_way(check, stream, expected):
    check(stream, expected)
