"""Random requests, and what is nearly one, on raw connections: each answer is well-formed, and the server goes on.

The suite sends the same few each time; `make fuzz` sends others for as long as it is told to.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket

import pytest
from colours import FORM_RED, RED, label_of
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.e2e

EXAMPLES = os.environ.get("OPSIN_FUZZ_EXAMPLES")
PROFILE = settings(
    max_examples=int(EXAMPLES or 100),
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
REFUSED = {*range(400, 500), 501, 503}
MAX_REFUSAL_BYTES = 8000
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: [ -~]*)?")

METHODS = st.sampled_from([b"GET", b"POST", b"POST", b"OPTIONS", b"PUT", b"CONNECT", b"get", b"", b"BREW"])
TARGETS = st.sampled_from(
    [
        b"/",
        b"/predict",
        b"/predict?top_k=1",
        b"/healthz",
        b"/metrics",
        b"/v1/models",
        b"/v2",
        b"*",
        b"//",
        b"/%00",
        b"/%zz",
    ]
) | st.binary(max_size=20)
VERSIONS = st.sampled_from([b"HTTP/1.1"] * 6 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/1.", b""])
FIELDS = st.sampled_from(
    [
        b"Host: x",
        b"Content-Length: 3",
        b"Content-Length: 0",
        b"Transfer-Encoding: chunked",
        b"Content-Type: multipart/form-data; boundary=XYZ",
        b"Content-Type: multipart/form-data; boundary=" + b"-" * 300,
        b"Content-Type: application/json",
        b"Content-Type: image/png",
        b"Content-Encoding: gzip",
        b"Expect: 100-continue",
        b"Connection: close",
        b"Accept: text/html",
        b"X-Request-Id: \xff",
        b"X-Request-Timeout-Ms: 1",
        b" x",
        b"",
        b":",
    ]
) | st.binary(max_size=30)
JSONS = [b'{"image": "%s"}', b'{"images": ["%s", 1, null]}', b'{"image": NaN, "%s": []}', b'[[["%s"']
CONTENTS = st.sampled_from([RED, FORM_RED, b"abc", b"", *JSONS]) | st.binary(max_size=60)


@st.composite
def requests(draw):
    """One request: right in most of its parts, with its body announced, in chunks, or not as it is."""
    body = draw(CONTENTS)
    fields = [b"Host: x"] * draw(st.sampled_from([1, 1, 1, 0, 2])) + draw(st.lists(FIELDS, max_size=3))
    how = draw(st.sampled_from(["announced", "announced", "chunked", "wrong", "none"]))
    if how == "chunked":
        fields.append(b"Transfer-Encoding: chunked")
        size = draw(st.integers(1, 50))
        pieces = [body[start : start + size] for start in range(0, len(body), size)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))
    elif how != "none":
        wrong = draw(st.integers(-5, 5)) if how == "wrong" else 0
        fields.append(b"Content-Length: %d" % (len(body) + wrong))
    line = b" ".join((draw(METHODS), draw(TARGETS), draw(VERSIONS)))
    return b"\r\n".join((line, *fields, b"", b"")) + body


@st.composite
def streams(draw):
    """A few requests, of which some bytes are lost, doubled or others; and how they are cut into pieces."""
    stream = bytearray(b"".join(draw(st.lists(requests(), min_size=1, max_size=3))))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(stream)))
        stream[start : start + draw(st.integers(0, 9))] = draw(st.binary(max_size=9))
    cut = draw(st.integers(0, len(stream)))
    return bytes(stream[:cut]), bytes(stream[cut:])


def answers_to(running, pieces):
    """Everything that the server says, until it closes."""
    said = b""
    with running.connect() as connection, contextlib.suppress(ConnectionError):
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        while data := connection.recv(100_000):
            said += data
    return said


def split_answers(said):
    """The answers in a stream of them: status, fields and body of each."""
    while said:
        head, end, said = said.partition(b"\r\n\r\n")
        line, _, rest = head.partition(b"\r\n")
        found = STATUS_LINE.fullmatch(line)
        assert found, line[:100]
        assert end
        fields = dict(field.lower().split(b": ", 1) for field in rest.split(b"\r\n") if field)
        length = int(fields.get(b"content-length", 0))
        assert len(said) >= length
        yield int(found[1]), fields, said[:length]
        said = said[length:]


@PROFILE
@given(streams())
@example((b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b""))
def test_any_bytes_get_well_formed_answers(served, pieces):
    for status, fields, body in split_answers(answers_to(served, pieces)):
        assert status in {100, 200, *REFUSED}
        if status in REFUSED and b"text/html" not in fields[b"content-type"]:
            error = json.loads(body)["error"]
            assert error if isinstance(error, str) else error["code"] and error["message"]  # text under /v1 and /v2
            assert len(body) < MAX_REFUSAL_BYTES


def test_server_goes_on(served):
    assert served.request("GET", "/healthz")[0] == 200
    assert label_of(served.request("POST", "/predict", RED)) == "red"
