"""Requests that no good client sends, and what is right to answer: rows of docs/robustness.md."""

from __future__ import annotations

import base64

from colours import RED


def get(target=b"/", fields=b"Host: x\r\n", method=b"GET"):
    return method + b" " + target + b" HTTP/1.1\r\n" + fields + b"\r\n"


def post(body, fields=b"", length=None, target=b"/predict"):
    length = len(body) if length is None else length
    head = b"POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n"
    return head % (target, fields, length) + body


def form(*parts, end=b"--XYZ--\r\n", kind=b"multipart/form-data; boundary=XYZ"):
    body = b"".join(b"--XYZ\r\n%s\r\n\r\n%s\r\n" % part for part in parts) + end
    return post(body, b"Content-Type: %s\r\n" % kind)


def as_json(body):
    return post(body, b"Content-Type: application/json\r\n")


def chunked(body, fields=b""):
    return post(b"", fields).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + body


IMAGE = b'Content-Disposition: form-data; name="image"; filename="a.png"'
LONG = b"x" * 3500
ROWS = [
    ("no `Host` in HTTP/1.1", get(fields=b""), 400, "malformed_http"),
    ("a `Host` that is no host", get(fields=b"Host: a/b\r\n"), 400, "malformed_http"),
    ("two `Host`", get(fields=b"Host: x\r\nHost: x\r\n"), 400, "malformed_http"),
    ("a fragment in the target", get(b"/#a"), 400, "malformed_http"),
    ("a URL with a password as the target", get(b"http://a:p@x/"), 400, "malformed_http"),
    ("the first line over 4 kB", get(b"/" + b"x" * 5000), 414, "malformed_http"),
    ("a field over 8 kB", get(fields=b"Host: x\r\nX: " + b"y" * 9000 + b"\r\n"), 431, "malformed_http"),
    ("more than 100 fields", get(fields=b"Host: x\r\n" + b"X: y\r\n" * 200), 431, "malformed_http"),
    ("a head over 64 kB", get(fields=b"Host: x\r\n" + b"X: %s\r\n" % (b"y" * 1000) * 80), 431, "malformed_http"),
    ("a name of a field of 8 kB that is none", get(fields=b"\xff" * 8000 + b": x\r\n"), 400, "malformed_http"),
    ("a line that goes on in the next", get(fields=b"Host: x\r\nX: y\r\n z\r\n"), 400, "malformed_http"),
    ("a bare CR or LF in a field", get(fields=b"Host: x\r\nX: y\rz\r\n"), 400, "malformed_http"),
    ("TLS on a port without it", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "malformed_http"),
    ("HTTP/2 without negotiation", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed_http"),
    ("an expectation that nobody knows", get(fields=b"Host: x\r\nExpect: " + LONG + b"\r\n"), 417, "malformed_http"),
    ("a method that nobody knows", get(method=b"BREW"), 405, "method_not_allowed"),
    ("a path that is none of ours", get(b"/" + LONG), 404, "not_found"),
    ("a NUL in a path", get(b"/a%00b"), 404, "not_found"),
    ("a path with two slashes", get(b"//static/page.js"), 404, "not_found"),
    ("a static path with two slashes", get(b"/static//page.js"), 404, "not_found"),
    ("a static path that ends with a slash", get(b"/static/page.js/"), 404, "not_found"),
    ("a static path that leads out", get(b"/static/..%2f..%2fsettings.py"), 404, "not_found"),
    ("`Content-Length` that is no number", get(fields=b"Host: x\r\nContent-Length: -1\r\n"), 400, "malformed_http"),
    ("two `Content-Length`", post(b"abc", b"Content-Length: 3\r\n"), 400, "malformed_http"),
    ("`Content-Length` and chunks", chunked(b"0\r\n\r\n", b"Content-Length: 5\r\n"), 400, "malformed_http"),
    ("`Content-Length` past the end, then a close", post(b"abc", length=9), 400, "incomplete_upload"),
    ("`Content-Length` past the limit", post(b"abc", length=10**15), 413, "upload_too_large"),
    ("a coding that nobody knows", chunked(b"").replace(b"chunked", LONG), 501, "malformed_http"),
    ("a chunk without a size", chunked(b"xyz\r\n"), 400, "malformed_http"),
    ("chunks that end in the middle", chunked(b"5\r\nab"), 400, "incomplete_upload"),
    ("a body in gzip", post(RED, b"Content-Encoding: gzip\r\n"), 415, "unsupported_media_type"),
    (
        "a type that carries no picture",
        post(RED, b"Content-Type: text/" + LONG + b"\r\n"),
        415,
        "unsupported_media_type",
    ),
    ("a picture, form or base64 that is called JSON", as_json(RED), 415, "unsupported_media_type"),
    ("a picture or JSON that is called a form", form(end=RED), 415, "unsupported_media_type"),
    ("an empty body", post(b""), 400, "empty_image"),
    ("a form without a boundary", form((IMAGE, RED), kind=b"multipart/form-data"), 400, "invalid_request"),
    (
        "a form or a part with hundreds of parameters",
        form((IMAGE + b"; a=b" * 300, RED)),
        400,
        "invalid_request",
    ),
    ("a form without an end", form((IMAGE, RED), end=b""), 400, "invalid_request"),
    ("a form of 5,000 parts", form(*[(IMAGE, RED)] * 5000), 413, "too_many_images"),
    ("a part without a name", form((b"Content-Type: image/png", RED)), 400, "invalid_request"),
    ("a part in another field", form((IMAGE.replace(b"image", LONG), RED)), 400, "invalid_request"),
    (
        "a part in quoted-printable",
        form((IMAGE + b"\r\nContent-Transfer-Encoding: quoted-printable", RED)),
        400,
        "invalid_request",
    ),
    ("base64 in place of a file", form((IMAGE, base64.b64encode(RED))), 415, "unsupported_media_type"),
    ("JSON that is none", as_json(b"{" + LONG), 400, "invalid_request"),
    ("JSON of 100,000 lists in each other", as_json(b"[" * 100_000), 400, "invalid_request"),
    ("JSON with NaN", as_json(b'{"image": NaN}'), 400, "invalid_request"),
    ("JSON with a number of 100,000 digits", as_json(b'{"image": %s}' % (b"9" * 100_000)), 400, "invalid_request"),
    ("JSON with other names", as_json(b'{"%s": ""}' % LONG), 400, "invalid_request"),
    ("base64 past the limit", as_json(b'{"image": "%s"}' % (b"A" * 4_000_000)), 413, "upload_too_large"),
    ("base64 of no picture", as_json(b'{"image": "%s"}' % (b"A" * 2_000_000)), 415, "unsupported_image"),
    ("a query that nobody knows", post(RED, target=b"/predict?" + LONG + b"=1"), 400, "invalid_request"),
    ("a model that is not there", post(RED, target=b"/predict?model=" + LONG), 404, "model_not_found"),
    ("a time-out that is no number", post(RED, b"X-Request-Timeout-Ms: " + LONG + b"\r\n"), 400, "invalid_request"),
]
