"""Answers a request by calling the WSGI application, head and body in one send where the body is one piece."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from gunicorn.http import wsgi

from server.http.connection import Connection


def answer(
    app: Callable[..., Any], connection: Connection, request: Any, *, is_last: bool, when_done: Callable[[], None]
) -> bool:
    """Call the application and send what it answers.

    Args:
        app: the WSGI application.
        connection: to send on.
        request: gunicorn's, from ``connection.next_request()``.
        is_last: the connection is to be closed after this one.
        when_done: called before the answer leaves, so that room is made before the client can ask again.

    Returns:
        Whether the connection can be kept for the next request.

    Raises:
        OSError: the client has gone.
    """
    response, environ = wsgi.create(
        request, connection, connection.address, connection.server_address, request.cfg, response_class=PromptResponse
    )
    environ["wsgi.multithread"] = True
    environ["gunicorn.socket"] = connection.sock
    if is_last:
        response.force_close()
    pieces = app(environ, response.start_response)
    try:
        connection.requests.release_body()
        when_done()
        for piece in pieces:
            response.write(piece)
        response.close()
    finally:
        if hasattr(pieces, "close"):
            pieces.close()
    return not response.should_close()


class PromptResponse(wsgi.Response):  # type: ignore[misc]
    """Gunicorn's response, without its second send and its second look at the calendar."""

    headers_sent: bool

    def write(self, data: bytes) -> None:
        """Send a piece of the body; the whole of it leaves together with the head."""
        if self.headers_sent or self._omits_body or self.response_length != len(data) or not data:
            super().write(data)
            return
        head = "".join([*self.default_headers(), *(f"{name}: {value}\r\n" for name, value in self.headers), "\r\n"])
        self.sock.sendall(head.encode("latin-1") + data)
        self.headers_sent = True
        self.sent = len(data)

    def default_headers(self) -> list[str]:
        """Gunicorn's, with a date that is written once a second."""
        connection = "close" if self.should_close() else "keep-alive"
        version = self.req.version
        headers = [
            f"HTTP/{version[0]}.{version[1]} {self.status}\r\n",
            f"Server: {self.version}\r\n",
            f"Date: {_date(int(time.time()))}\r\n",
            f"Connection: {connection}\r\n",
        ]
        if self.chunked:
            headers.append("Transfer-Encoding: chunked\r\n")
        return headers

    def can_sendfile(self) -> bool:
        """No: it needs a socket that waits."""
        return False


@lru_cache(maxsize=1)
def _date(now_s: int) -> str:
    return formatdate(now_s, usegmt=True)
