"""Reads the body of a request, which the HTTP worker has in memory already."""

from __future__ import annotations

from typing import IO

from server.request_errors import IncompleteUpload, UploadTimeout, UploadTooLarge


def read_body(stream: IO[bytes], content_length: int | None, *, max_bytes: int) -> bytes | bytearray:
    """Read the whole body into memory; nothing is ever written to disk.

    Args:
        stream: ends where the body ends. It raises TimeoutError where the client is too slow, another OSError where it
            has gone, and UploadTooLarge where more came than is allowed without having been announced.
        content_length: as the client announced it; None for a chunked body, or none.
        max_bytes: a body that is announced as larger is refused unread.

    Raises:
        UploadTooLarge: more than ``max_bytes``.
        IncompleteUpload: the client stopped before the end.
        UploadTimeout: the client was too slow.
    """
    if content_length is not None and content_length > max_bytes:
        raise UploadTooLarge(f"the request body may have at most {max_bytes} bytes, it has {content_length}")
    try:
        body = stream.read()
    except TimeoutError:
        raise UploadTimeout("the request body did not arrive in time") from None
    except OSError:
        raise IncompleteUpload("the connection broke before the request body was complete") from None
    if content_length is not None and len(body) < content_length:
        raise IncompleteUpload(f"the request body should have {content_length} bytes, {len(body)} arrived")
    return body
