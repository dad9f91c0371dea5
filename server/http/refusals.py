"""Answers that are given without asking the application: for want of a thread, and for what is no HTTP.

They look like its own: JSON, the same body, an X-Request-Id.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

from gunicorn.http import errors

from server.access_log import HEADER, log_request, usable_request_id
from server.http.connection import Connection

PARSE_ERRORS = {
    errors.LimitRequestLine: "414 URI Too Long",
    errors.LimitRequestHeaders: "431 Request Header Fields Too Large",
    errors.UnsupportedTransferCoding: "501 Not Implemented",
    errors.ExpectationFailed: "417 Expectation Failed",
}


def refuse_overload(connection: Connection, request: Any, *, wait_s: float, is_last: bool) -> bool:
    """Answer 503 with Retry-After; gives whether the connection is kept."""
    request_id = usable_request_id(next((value for name, value in request.headers if name == "X-REQUEST-ID"), ""))
    is_kept = not request.should_close() and not is_last
    head = f"Retry-After: {max(1, math.ceil(wait_s))}\r\nConnection: {'keep-alive' if is_kept else 'close'}\r\n"
    message = "more requests are in hand than there is room for, try again later"
    connection.sendall(_answer("503 Service Unavailable", head, "overloaded", message, request_id))
    log_request(request.method, request.path, 503, 0.0, request_id)
    return is_kept


def refuse_nonsense(connection: Connection, error: Exception) -> int:
    """Answer what is no HTTP request; the connection has to be closed, for nobody knows where the next one begins.

    Returns:
        The status of the answer.
    """
    status = PARSE_ERRORS.get(type(error), "400 Bad Request")
    message, request_id = f"the request is not valid HTTP: {error}", usable_request_id("")
    with suppress(OSError):
        connection.sendall(_answer(status, "Connection: close\r\n", "malformed_http", message, request_id))
    return int(status[:3])


def _answer(status: str, head: str, code: str, message: str, request_id: str) -> bytes:
    body = json.dumps({"error": {"code": code, "message": message}})
    return (
        f"HTTP/1.1 {status}\r\n{head}{HEADER}: {request_id}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
