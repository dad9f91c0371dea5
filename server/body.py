"""Reads a request's body into memory, never more of it than is allowed."""

from __future__ import annotations

from typing import Protocol

from server.request_errors import IncompleteUpload, UploadTimeout, UploadTooLarge


class Readable(Protocol):
    """Where the body comes from: a WSGI input stream that ends where the body ends."""

    def read(self, size: int, /) -> bytes | bytearray:
        """Up to ``size`` bytes; none at the end."""


def read_body(stream: Readable, content_length: int | None, *, max_bytes: int) -> bytes | bytearray:
    """Read the whole body into memory; nothing is ever written to disk.

    Args:
        stream: raises TimeoutError where the client is too slow, another OSError where it has gone.
        content_length: as the client announced it; None for a chunked body, which may have none.
        max_bytes: a larger body is refused: unread where its length was announced, else after this many bytes.

    Raises:
        UploadTooLarge: more than ``max_bytes``.
        IncompleteUpload: the client stopped before the announced length.
        UploadTimeout: the client was too slow.
    """
    if content_length is not None and content_length > max_bytes:
        raise UploadTooLarge(f"the request body may have at most {max_bytes} bytes, it has {content_length}")
    try:
        body = _read(stream, max_bytes + 1 if content_length is None else content_length)
    except TimeoutError:
        raise UploadTimeout("the request body did not arrive in time") from None
    except OSError:
        raise IncompleteUpload("the connection broke before the request body was complete") from None
    if content_length is None and len(body) > max_bytes:
        raise UploadTooLarge(f"the request body may have at most {max_bytes} bytes, it has more")
    if content_length is not None and len(body) < content_length:
        raise IncompleteUpload(f"the request body should have {content_length} bytes, {len(body)} arrived")
    return body


def _read(stream: Readable, size: int) -> bytes | bytearray:
    """Read until ``size`` bytes or the end; most servers give everything at the first call, so nothing is joined."""
    body = stream.read(size) if size else b""
    while body and len(body) < size and (more := stream.read(size - len(body))):
        body += more
    return body
