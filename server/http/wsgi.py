"""Responds to requests: with what the WSGI application says (PEP 3333), or with a refusal that it is not asked for."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from email.utils import formatdate
from functools import lru_cache, partial
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.util import FileWrapper

from server.gunicorn_internals.request import Request
from server.http.connection import Connection
from server.request_errors import MalformedRequest
from server.request_log import HEADER, TRACE_KEY, log_request, usable_request_id

SERVER = "gunicorn"
STATUS = re.compile(r"[0-9]{3}(?: [\t\x20-\x7e\x80-\xff]*)?")
FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# What is said of the connection is the server's to say, and the last two it writes by itself.
NOT_FOR_APPLICATIONS = {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailers"}
NOT_FOR_APPLICATIONS |= {"transfer-encoding", "upgrade", "server", "date"}

_date = lru_cache(maxsize=1)(partial(formatdate, usegmt=True))  # written once a second


def call_app(
    app: Callable[..., Iterable[bytes]],
    connection: Connection,
    request: Request,
    *,
    is_last: bool,
    when_done: Callable[[], None],
) -> bool:
    """Call the application and send its response.

    Args:
        app: the WSGI application.
        connection: to send on.
        request: from ``connection.next_request()``.
        is_last: the connection is to be closed after this one.
        when_done: called before the response leaves, so that room is made before the client can ask again.

    Returns:
        Whether the connection can be kept for the next request.

    Raises:
        MalformedRequest: the path is outside of what a proxy said to be the application's.
        OSError: the client has gone.
    """
    response = Response(connection, request, is_last=is_last)
    pieces = app(environ_of(connection, request), response.start_response)
    try:
        connection.parser.release_body()
        when_done()
        for piece in pieces:
            response.write(piece)
        return response.finish()
    finally:
        if hasattr(pieces, "close"):
            pieces.close()


def environ_of(connection: Connection, request: Request) -> dict[str, Any]:
    """Write what the application is told of a request; raises MalformedRequest as ``call_app``."""
    of_head = request.of_head.get("environ")
    if of_head is None:
        of_head = request.of_head["environ"] = _environ_of_head(request)
    environ = {
        **of_head,
        "wsgi.input": request.body,
        "gunicorn.socket": connection.sock,
        "opsin.read_s": time.monotonic() - connection.read_since,
        "REMOTE_ADDR": connection.address[0],
        "REMOTE_PORT": str(connection.address[1]),
        "SERVER_NAME": connection.server_address[0],
        "SERVER_PORT": str(connection.server_address[1]),
    }
    if "CONTENT_LENGTH" in of_head:
        environ["CONTENT_LENGTH"] = next(value for name, value in request.headers if name == "CONTENT-LENGTH")
    return environ


def _environ_of_head(request: Request) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.query,
        "RAW_URI": request.uri,
        "SERVER_PROTOCOL": "HTTP/{}.{}".format(*request.version),
        "SERVER_SOFTWARE": SERVER,
    }
    script_name = ""
    for name, value in request.headers:
        if name == "UPGRADE":  # an offer that is not taken (RFC 9110, section 7.8)
            continue
        if name in ("CONTENT-TYPE", "CONTENT-LENGTH"):
            environ[name.replace("-", "_")] = value
            continue
        if name == "SCRIPT_NAME":  # only a proxy that is trusted may say so
            script_name = value
        key = "HTTP_" + name.replace("-", "_")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    if not request.path.startswith(script_name):
        reason = f"Request path {request.path!r} does not start with SCRIPT_NAME {script_name!r}"
        raise MalformedRequest(f"Configuration problem: {reason}")
    environ["SCRIPT_NAME"] = script_name
    environ["PATH_INFO"] = unquote_to_bytes(request.path[len(script_name) :]).decode("latin-1")
    return environ


def checked_fields(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Take the headers that an application may send; ValueError where one would break out of its line."""
    fields = []
    for name, value in headers:
        if not (value.isascii() and value.isprintable()) and not FIELD_VALUE.fullmatch(value):
            raise _no_header(name)
        if _is_for_applications(name):
            fields.append((name, value.strip(" \t")))
    return fields


@lru_cache(maxsize=256)  # of the names that the application writes
def _is_for_applications(name: str) -> bool:
    if not FIELD_NAME.fullmatch(name):
        raise _no_header(name)
    return name.lower() not in NOT_FOR_APPLICATIONS


def _no_header(name: str) -> ValueError:
    return ValueError(f"no header of a response: {name!r}")  # its value may be a secret


class Response:
    """Sends an application's response; the head leaves together with the first piece of the body."""

    def __init__(self, connection: Connection, request: Request, *, is_last: bool) -> None:
        self._connection, self._request = connection, request
        self._must_close = is_last or request.should_close()
        self._head = b""  # until it has been sent
        self._has_started = self._has_body = self._is_chunked = False
        self._num_left: int | None = None  # bytes of the body, where the application said how many

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., None]:
        """Take status and headers; see PEP 3333.

        Raises:
            ValueError: they hold what would make another response of it.
            RuntimeError: they have been given already.
        """
        if self._has_started and not (exc_info and self._head):
            raise exc_info[1] if exc_info else RuntimeError("start_response was called twice")
        code, fields = _code_of(status), checked_fields(headers)
        if code < 200 or code == 204:  # RFC 9110, section 8.6
            fields = [(name, value) for name, value in fields if name.lower() != "content-length"]
        length = next((value for name, value in fields if name.lower() == "content-length"), None)
        version = min(self._request.version, (1, 1))
        self._has_started = True
        self._has_body = not (self._request.method == "HEAD" or code < 200 or code in (204, 304))
        self._num_left = None if length is None else int(length)
        self._is_chunked = self._has_body and length is None and version > (1, 0)
        if self._has_body and length is None and not self._is_chunked:
            self._must_close = True  # nothing else says where the body ends
        if self._is_chunked:
            fields.append(("Transfer-Encoding", "chunked"))
        begin = _begin_of_head(version, status, _date(int(time.time())), self._must_close)
        self._head = (begin + "".join([f"{name}: {value}\r\n" for name, value in fields]) + "\r\n").encode("latin-1")
        return self.write

    def write(self, data: bytes) -> None:
        """Send a piece of the body, or of one that is too long what fits."""
        if not self._has_started:
            raise RuntimeError("start_response was not called")
        if not self._has_body:
            return
        if self._num_left is not None:
            data = data[: self._num_left]
            self._num_left -= len(data)
        if data:
            piece = b"%X\r\n%b\r\n" % (len(data), data) if self._is_chunked else data
            head, self._head = self._head, b""
            self._connection.sendall(head + piece if head else piece)

    def finish(self) -> bool:
        """Send what is left; gives whether the connection can be kept."""
        if not self._has_started:
            raise RuntimeError("start_response was not called")
        if rest := self._head + (b"0\r\n\r\n" if self._is_chunked else b""):
            self._head = b""
            self._connection.sendall(rest)
        is_short = self._has_body and bool(self._num_left)  # the client waits for bytes that never come
        return not self._must_close and not is_short


@lru_cache(maxsize=64)
def _code_of(status: str) -> int:
    if not STATUS.fullmatch(status):
        raise ValueError(f"no status of a response: {status!r}")
    return int(status[:3])


@lru_cache(maxsize=8)  # one a second, for each kind of response
def _begin_of_head(version: tuple[int, int], status: str, date: str, is_last: bool) -> str:
    connection = "close" if is_last else "keep-alive"
    first = f"HTTP/{version[0]}.{version[1]} {status}"
    return f"{first}\r\nServer: {SERVER}\r\nDate: {date}\r\nConnection: {connection}\r\n"


ErrorResponse = tuple[str, Mapping[str, str], bytes]  # status with its reason, headers, body


def refuse(
    connection: Connection,
    error: ErrorResponse,
    request: Request | None,
    *,
    is_last: bool,
    trace: Mapping[str, str] | None = None,
) -> bool:
    """Respond in place of the application, with an X-Request-Id as it would.

    Args:
        connection: to send on.
        error: what the application would say.
        request: that is refused; None where what came is none, after which nobody knows where the next one begins.
        is_last: the connection is to be closed after this one.
        trace: what names it in the log, where it is traced.

    Returns:
        Whether the connection can be kept for the next request.
    """
    status, headers, body = error
    given = next((value for name, value in request.headers if name == "X-REQUEST-ID"), "") if request else ""
    request_id = usable_request_id(given)
    is_kept = request is not None and not request.should_close() and not is_last
    own = {
        "Server": SERVER,
        "Date": _date(int(time.time())),
        "Connection": "keep-alive" if is_kept else "close",
        HEADER: request_id,
        "Content-Length": len(body),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, **own}.items())
    response = f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1")
    if request is None or request.method != "HEAD":
        response += body
    if request is None:
        with suppress(OSError):
            connection.sendall(response)
    else:
        connection.sendall(response)
        environ = {TRACE_KEY: trace} if trace else None
        log_request(request.method, request.path, int(status[:3]), 0.0, request_id, environ=environ)
    return is_kept
