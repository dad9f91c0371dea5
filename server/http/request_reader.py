"""Puts the requests of one connection together from the bytes that come, in whatever pieces.

It waits for nothing: a request is handed out when it is whole, so that one on its way holds no thread, and slow uploads
cost memory alone, of which ``UploadBudget`` has the account.

The grammar of a head, and what is refused in it for safety's sake, is gunicorn's own; only where its bytes come from is
ours. Its parser of chunked bodies waits for them, so ``chunked_body`` has another.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Protocol

from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import LimitRequestHeaders, NoMoreData
from gunicorn.http.message import Request

from server.engine.errors import Overloaded
from server.http.chunked_body import ChunkedBody
from server.http.limits import MAX_HEAD_BYTES, Limits
from server.http.request_body import RequestBody
from server.request_errors import UploadTooLarge

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Wire(Protocol):
    """The connection, as far as a client that asks before it sends needs it."""

    def sendall(self, data: bytes, /) -> None:
        """Send all of it."""


def quick_copy(cfg: Any) -> SimpleNamespace:
    """Copy gunicorn's settings into plain attributes: its parser reads some twenty of them for each request."""
    values = {name: setting.get() for name, setting in cfg.settings.items()}
    values["http_parser"] = "python"  # whatever else is installed
    values |= {"is_ssl": cfg.is_ssl, "forwarded_allow_networks": cfg.forwarded_allow_networks}
    return SimpleNamespace(**values)


class RequestReader:
    """The requests of one connection, one after the other.

    Attributes:
        num_missing: at least so many bytes of a body are still to come.
    """

    def __init__(self, limits: Limits, address: Any, wire: Wire) -> None:
        self.num_missing = 0
        self._limits, self._address, self._wire = limits, address, wire
        self._rest = b""  # what came and belongs to no request yet
        self._request: Any = None
        self._chunked: ChunkedBody | None = None  # where the body of the request at hand is
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
        """Take in what has come.

        Raises:
            ParseException: it is no HTTP.
        """
        if self._request is not None:
            self._append(data)
        else:
            self._rest = self._rest + data if self._rest else data

    def take(self) -> Any:
        """Hand out the next request, gunicorn's Request with a RequestBody, if it is whole; else None.

        Raises:
            ParseException: as ``feed``.
        """
        if self._request is None and self._rest:
            self._parse_head()
        return None if self.num_missing else self._request

    def cut(self, error: Exception | None = None) -> Any:
        """Hand out the request although no more of it will come; reading its body raises ``error``, if there is one.

        Of a chunked body nobody could tell that it is not whole, so reading that raises in any case.
        """
        if self._chunked and not error:
            error = NoMoreData()
        self._request.body = RequestBody(self._body, error)
        self._request.force_close()
        self.num_missing = 0
        return self._request

    def release_body(self) -> None:
        """Forget what came of the body: the application is done with it."""
        self._body = b""
        if self._num_counted:
            self._limits.budget.give_back(self._num_counted)
            self._num_counted = 0

    def finish(self) -> None:
        """Forget the request that was handed out."""
        self.release_body()
        self._request, self._chunked, self.num_missing = None, None, 0

    def _parse_head(self) -> None:
        received = self._rest
        end = received.find(b"\r\n\r\n") + 4
        source = _Source(received if end == 3 else received[:end])
        try:
            request = Request(self._limits.cfg, source, self._address, self._num_requests + 1)
        except _HeadIncompleteError:
            if len(received) > MAX_HEAD_BYTES:
                raise LimitRequestHeaders("the head is too large") from None
            return
        self._num_requests += 1
        self._request = request
        self._rest = source.data + received[end:]
        self._begin_body(request)

    def _begin_body(self, request: Any) -> None:
        is_asked, request._expected_100_continue = request._expected_100_continue, False
        reader = request.body.reader
        if isinstance(reader, ChunkedReader):
            self._chunked = ChunkedBody(request, self._limits.max_body_bytes)
            self.num_missing = self._chunked.num_missing
        elif reader.length > self._limits.max_body_bytes:
            self.cut(OSError("the body is larger than allowed, and was not read"))
            return
        else:
            self.num_missing = reader.length
        request.body = RequestBody(b"")
        if self._rest and self.num_missing:
            data, self._rest = self._rest, b""
            self._append(data)
        if is_asked and self.num_missing:
            self._wire.sendall(CONTINUE)

    def _append(self, received: bytes) -> None:
        try:
            data = self._take_in(received)
            self._count(len(data))
        except (Overloaded, UploadTooLarge) as error:
            self.cut(error)
            return
        if not self._body:
            self._body = data
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += data
        if not self.num_missing:
            self._request.body = RequestBody(self._body)

    def _take_in(self, received: bytes) -> bytes:
        """Split what has come into data of the body, and what belongs to the next request."""
        if self._chunked:
            data = self._chunked.feed(received)
            self.num_missing = self._chunked.num_missing
            if not self.num_missing:
                self._rest = self._chunked.rest
        else:
            data, self._rest = received[: self.num_missing], received[self.num_missing :]
            self.num_missing -= len(data)
        return data

    def _count(self, num_bytes: int) -> None:
        if not self._limits.budget.take(num_bytes):
            raise Overloaded("too many uploads are on their way, try again later", wait_s=1)
        self._num_counted += num_bytes


class _HeadIncompleteError(Exception):
    pass


class _Source:
    """What gunicorn's parser reads a head from."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self) -> bytes:
        data, self.data = self.data, b""
        if not data:
            raise _HeadIncompleteError
        return data

    def unread(self, data: bytes) -> None:
        self.data = data + self.data
