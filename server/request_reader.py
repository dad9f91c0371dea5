"""Puts the requests of one connection together from the bytes that come, in whatever pieces.

It waits for nothing: a request is handed out when it is whole, so that one on its way holds no thread, and slow uploads
cost memory alone, of which ``UploadBudget`` has the account. The exception is a chunked body: gunicorn's parser for it
pulls, so a request with one is handed out with its head, and its thread waits for the rest.

The grammar, and what is refused for safety's sake, is gunicorn's own; only where its bytes come from is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol

from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.http.message import Request

from server.engine import Overloaded
from server.request_body import ChunkedBody, ReceivedBody
from server.upload_budget import UploadBudget

MAX_HEAD_BYTES = 128 * 1024
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Wire(Protocol):
    """The connection, as far as a chunked body, and a client that asks before it sends, need it."""

    def wait_and_receive(self, size: int, /) -> bytes:
        """Wait for the next bytes; none at the end."""

    def sendall(self, data: bytes, /) -> None:
        """Send all of it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What every connection of a worker is granted."""

    cfg: Any  # gunicorn's, or a quick copy of it
    max_body_bytes: int
    budget: UploadBudget
    keepalive_s: float
    read_timeout_s: float


def quick_copy(cfg: Any) -> SimpleNamespace:
    """Copy gunicorn's settings into plain attributes: its parser reads some twenty of them for each request."""
    values = {name: setting.get() for name, setting in cfg.settings.items()}
    values["http_parser"] = "python"  # whatever else is installed
    values |= {"is_ssl": cfg.is_ssl, "forwarded_allow_networks": cfg.forwarded_allow_networks}
    return SimpleNamespace(**values)


class RequestReader:
    """The requests of one connection, one after the other; ``num_missing`` bytes of a body are on their way."""

    def __init__(self, terms: Terms, address: Any, wire: Wire) -> None:
        self.num_missing = 0
        self._terms, self._address, self._wire = terms, address, wire
        self._rest = b""  # what came and belongs to no request yet
        self._request: Any = None
        self._source = _Source(b"")
        self._body: bytes | bytearray = b""
        self._num_counted = 0
        self._num_requests = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a next request has come."""
        return self._request is None and not self._rest

    @property
    def has_head(self) -> bool:
        """Whether there is a request that can be answered, be it with an error."""
        return self._request is not None

    def feed(self, data: bytes) -> None:
        """Take in what has come."""
        if self._request is not None:
            self._append(data)
        else:
            self._rest = self._rest + data if self._rest else data

    def take(self) -> Any:
        """Hand out the next request, gunicorn's Request with a RequestBody, if it is whole; else None.

        Raises:
            ParseException: what came is no HTTP.
        """
        if self._request is None and self._rest:
            self._parse_head()
        return None if self.num_missing else self._request

    def cut(self, error: Exception | None = None) -> Any:
        """Hand out the request although no more of it will come; reading its body raises ``error``, if there is one."""
        self._request.body = ReceivedBody(self._body, error)
        self._request.force_close()
        self.num_missing = 0
        return self._request

    def release_body(self) -> None:
        """Forget what came of the body: the application is done with it."""
        self._body = b""
        if self._num_counted:
            self._terms.budget.give_back(self._num_counted)
            self._num_counted = 0

    def finish(self) -> None:
        """Forget the request that was handed out."""
        self.release_body()
        self._rest += self._source.data
        self._source.data = b""
        self._request, self.num_missing = None, 0

    def _parse_head(self) -> None:
        received = self._rest
        end = received.find(b"\r\n\r\n") + 4
        self._source = source = _Source(received if end == 3 else received[:end])
        try:
            request = Request(self._terms.cfg, source, self._address, self._num_requests + 1)
        except _HeadIncompleteError:
            if len(received) > MAX_HEAD_BYTES:
                raise LimitRequestHeaders("the head is too large") from None
            return
        self._num_requests += 1
        self._request = request
        self._rest = source.data + received[end:]
        source.data = b""
        self._begin_body(request)

    def _begin_body(self, request: Any) -> None:
        is_asked, request._expected_100_continue = request._expected_100_continue, False
        reader = request.body.reader
        if isinstance(reader, ChunkedReader):
            self._source.data, self._rest = self._rest, b""
            self._source.wire = self._wire
            request.body = ChunkedBody(reader, self._count)
        elif reader.length > self._terms.max_body_bytes:
            self.cut(OSError("the body is larger than allowed, and was not read"))
            return
        else:
            self.num_missing = reader.length
            request.body = ReceivedBody(b"")
            if reader.length:
                data, self._rest = self._rest, b""
                self._append(data)
        if is_asked and (self.num_missing or self._source.wire):
            self._wire.sendall(CONTINUE)

    def _append(self, data: bytes) -> None:
        if len(data) > self.num_missing:
            data, self._rest = data[: self.num_missing], data[self.num_missing :]
        try:
            self._count(len(data))
        except Overloaded as error:
            self.cut(error)
            return
        self.num_missing -= len(data)
        if not self._body:
            self._body = data
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += data
        if not self.num_missing:
            self._request.body = ReceivedBody(self._body)

    def _count(self, num_bytes: int) -> None:
        if not self._terms.budget.take(num_bytes):
            raise Overloaded("too many uploads are on their way, try again later", wait_s=1)
        self._num_counted += num_bytes


class _HeadIncompleteError(Exception):
    pass


class _Source:
    """What gunicorn's parser reads from: a head that has come; then, for a chunked body, the wire."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.wire: Wire | None = None

    def read(self, _size: int | None = None, read_ahead: int | None = None) -> bytes:
        data, self.data = self.data, b""
        if data:
            return data
        if self.wire is None:
            raise _HeadIncompleteError
        return self.wire.wait_and_receive(read_ahead or 0)

    def unread(self, data: bytes) -> None:
        self.data = data + self.data
