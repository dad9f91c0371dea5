"""Lines and fields that a proxy might read otherwise than the server: (bytes, outcome).

A status means that nothing of the stream is answered otherwise; behind every stream that is accepted comes another
request, which must be found where it begins. Where the server takes what RFC 9112 has it refuse, a comment says so.
"""

from __future__ import annotations

import pytest

NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWERED = ["GET /", "GET /next"]


def get(line=b"GET / HTTP/1.1", fields=b"Host: x\r\n"):
    return line + b"\r\n" + fields + b"\r\n"


# Fields of a GET.
FIELDS = [
    (b"", ANSWERED),
    (b"X:\r\n", ANSWERED),
    (b"X: a\tb \r\n", ANSWERED),
    (b"X: \xe9\xff\r\n", ANSWERED),
    (b"!#$%&'*+-.^`|~09Az: y\r\n", ANSWERED),
    (b"X: " + b"y" * 8185 + b"\r\n", ANSWERED),
    (b"X: y\r\n" * 99, ANSWERED),
    (b"X: y\r\n" * 100, 431),
    (b"X: " + b"y" * 8190 + b"\r\n", 431),
    (b"X" * 8190 + b": y\r\n", 431),
    (b"X: y\r\n" * 22_000, 431),
    (b"X: y\r\n z\r\n", 400),
    (b"X: y\r\n\tz\r\n", 400),
    (b"X: y\r\n \r\n", 400),
    (b" \r\n", 400),
    (b"X : y\r\n", 400),
    (b"X\t: y\r\n", 400),
    (b"X Y: z\r\n", 400),
    (b"X\r\n", 400),
    (b": y\r\n", 400),
    (b" : y\r\n", 400),
    (b"X: y\n", 400),
    (b"X: y\r", 400),
    (b"X: y\rZ: z\r\n", 400),
    (b"X: y\r\r\n", 400),
    (b"X: y\n\r", 400),
    (b"X: y\n\nGET /hidden HTTP/1.1\r\nHost: x\r\n", 400),
    (b"X: y\r\n\nGET /hidden HTTP/1.1\r\nHost: x\r\n", 400),
    (b"X: y\r\n\rGET /hidden HTTP/1.1\r\nHost: x\r\n", 400),
    *((b"X%c: y\r\n" % byte, 400) for byte in b'\0\x01\x0b\x1f"(),/;<=>?@[\\]{}\x7f\x80\xe9'),
    *((b"X: a%cb\r\n" % byte, 400) for byte in b"\0\x01\x08\n\x0b\x0c\r\x1f\x7f"),
    # Names that WSGI could not tell from X-Y: they are dropped, see below.
    (b"X_Y: z\r\n", ANSWERED),
    (b"Host: y\r\n", 400),
    (b"Host: x\r\n", 400),
    (b"host: x\r\n", 400),
    (b"Content-Type: a/b\r\nContent-Type: a/b\r\n", 400),
    (b"Expect: 100-continue\r\n", ANSWERED),
    (b"Expect: 100-continue, x\r\n", 417),
    (b"Expect: x\r\n", 417),
    (b"X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n", 400),
    (b"Connection: close\r\n", ["GET /", "closes"]),
    (b"Connection: Close\r\n", ["GET /", "closes"]),
    (b"Connection: keep-alive\r\n", ANSWERED),
    (b"Connection: x, close\r\n", ["GET /", "closes"]),
    (b"Connection: keep-alive\r\nConnection: close\r\n", ["GET /", "closes"]),
    (b"Connection: x, y\r\n", ANSWERED),
    # Nothing is switched to, so what follows is HTTP still.
    (b"Connection: Upgrade\r\nUpgrade: websocket\r\n", ANSWERED),
    (b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n", ANSWERED),
]

# The first line.
LINES = [
    (b"GET /a?b=c HTTP/1.1", ["GET /a", "GET /next"]),
    (b"GET /%00%0d%0a HTTP/1.1", ["GET /%00%0d%0a", "GET /next"]),
    (b"GET //y/a HTTP/1.1", ["GET //y/a", "GET /next"]),
    (b"GET /../a HTTP/1.1", ["GET /../a", "GET /next"]),
    (b"OPTIONS * HTTP/1.1", ["OPTIONS *", "GET /next"]),
    (b"GET http://x/a HTTP/1.1", ["GET /a", "GET /next"]),
    (b"GET http://y/a HTTP/1.1", ["GET /a", "GET /next"]),  # nothing here depends on the host
    (b"CONNECT x:80 HTTP/1.1", ["CONNECT 80", "closes"]),
    (b"CONNECT / HTTP/1.1", 400),
    (b"CONNECT x HTTP/1.1", 400),
    (b"GET * HTTP/1.1", 400),
    (b"GET x:80 HTTP/1.1", 400),
    (b"GET a HTTP/1.1", 400),
    (b"GET ?a HTTP/1.1", 400),
    (b"GET http://[x/ HTTP/1.1", 400),
    *((b"GET /a%cb HTTP/1.1" % byte, 400) for byte in b"\0\x01\t\x0b\x0c\r \x1f\x7f\x80\xe9"),
    (b"GET /" + b"a" * 4100 + b" HTTP/1.1", 414),
    (b"G" * 140_000, 414),
    (b"GET http://x HTTP/1.1", ["GET", "GET /next"]),
    (b"GET HTTPS://[::1]:80/a?b HTTP/1.1", ["GET /a", "GET /next"]),
    (b"GET /a#b HTTP/1.1", 400),
    *((b"GET /a%c HTTP/1.1" % byte, 400) for byte in b'"<>\\^`{|}'),
    *((b"GET /a?b%c HTTP/1.1" % byte, 400) for byte in b'"<>#'),
    # RFC 3986 knows none of these, and browsers send them.
    (b"GET /a?\\^`{|} HTTP/1.1", ["GET /a", "GET /next"]),
    (b"GET http:///a HTTP/1.1", 400),
    (b"GET ://x HTTP/1.1", 400),
    (b"GET ftp://x/a HTTP/1.1", 400),
    (b"GET http://u:p@x/a HTTP/1.1", 400),
    (b"BREW / HTTP/1.1", ["BREW /", "GET /next"]),
    (b"M-SEARCH / HTTP/1.1", ["M-SEARCH /", "GET /next"]),
    (b"get / HTTP/1.1", 400),
    (b"GE / HTTP/1.1", 400),
    (b"A" * 21 + b" / HTTP/1.1", 400),
    (b"GE(T / HTTP/1.1", 400),
    (b"GE\0T / HTTP/1.1", 400),
    (b"G\xc9T / HTTP/1.1", 400),
    (b" / HTTP/1.1", 400),
    (b" GET / HTTP/1.1", 400),
    (b"GET  / HTTP/1.1", 400),
    (b"GET /  HTTP/1.1", 400),
    (b"GET\t/ HTTP/1.1", 400),
    (b"GET /\tHTTP/1.1", 400),
    (b"GET / HTTP/1.1 ", 400),
    (b"GET / HTTP/1.1\t", 400),
    (b"GET / HTTP/1.1\r", 400),
    (b"GET / HTTP/1.1\nHost: x", 400),
    (b"GET / HTTP/1.1\rHost: x", 400),
    (b"GET  HTTP/1.1", 400),
    (b"GET /", 400),
    (b"NONSENSE", 400),
    (b"GET / HTTP/1.0", ["GET /", "closes"]),
    (b"GET / HTTP/1.2", ANSWERED),
    *((b"GET / " + version, 400) for version in (b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1")),
    *(
        (b"GET / " + version, 400)
        for version in (b"HTTP/1.", b"HTTP/1,1", b"http/1.1", b"HTTP", b"RTSP/1.0", b"ICE/1.0")
    ),
    (b"PRI * HTTP/2.0", 400),
    (b"HTTP/1.1 200 OK", 400),
    (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1", 400),
    (b"\r\nGET / HTTP/1.1", ANSWERED),
    (b"\r\n\r\nGET / HTTP/1.1", 400),
    (b"\nGET / HTTP/1.1", 400),
    (b"\rGET / HTTP/1.1", 400),
]

HOSTS_THAT_ARE_NONE = (
    b"",
    b" x, y",
    b" x y",
    b" x/y",
    b" a@x",
    b" x:y",
    b" [x]",
    b" x#",
    b" x?",
    b" \xe9",
    b" http://x",
)

# Whole streams.
STREAMS = [
    (NEXT + b"\r\n" + NEXT, ["GET /next", "GET /next"]),
    (NEXT + b"\n" + NEXT, ["GET /next", 400]),
    (NEXT + b"x" + NEXT, ["GET /next", 400]),
    (NEXT + get(fields=b"X : y\r\n") + NEXT, ["GET /next", 400]),
    (b"GET / HTTP/1.1\nHost: x\n\n" + NEXT, 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),  # TLS
    (b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c" + bytes(12) + NEXT, 400),  # a proxy's own head
    (get(fields=b"") + NEXT, 400),
    (get(b"GET / HTTP/1.2", b"") + NEXT, 400),
    *((get(fields=b"Host:" + host + b"\r\n") + NEXT, 400) for host in HOSTS_THAT_ARE_NONE),
    (get(b"GET / HTTP/1.0", b"Host: x/y\r\n") + NEXT, 400),
    *(
        (get(fields=b"Host:" + host + b"\r\n") + NEXT, ANSWERED)
        for host in (b"x:80", b"[::1]:5000", b" a_b.c-d. ", b"x:")
    ),
    (get(b"GET / HTTP/1.0", b"") + NEXT, ["GET /", "closes"]),
    (get(b"GET / HTTP/1.0", b"Connection: keep-alive\r\n") + NEXT, ANSWERED),
    # Not whole yet.
    (b"GET / HTTP/1.1\r\nHost: x\r\n", ["waits"]),
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r", ["waits"]),
]

CASES = [
    *((get(fields=b"Host: x\r\n" + fields) + NEXT, expected) for fields, expected in FIELDS),
    *((get(line) + NEXT, expected) for line, expected in LINES),
    *STREAMS,
]


@pytest.mark.parametrize(("stream", "expected"), CASES, ids=[f"{stream[:80]!r}" for stream, _ in CASES])
def test_stream_is_read_in_one_way(check, stream, expected):
    check(stream, expected)


def test_names_with_underscores_are_dropped(new_parser):
    parser = new_parser()
    parser.feed(get(fields=b"Host: x\r\nX_Request_Id: 1\r\nX-Request_Id: 2\r\nHTTP_HOST: y\r\nX: y\r\n"))
    assert parser.take().headers == [("HOST", "x"), ("X", "y")]
