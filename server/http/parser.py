"""Puts the requests of one connection together from the bytes that come, in whatever pieces.

It waits for nothing: a request is handed out when it is whole, so that one on its way holds no thread, and slow uploads
cost memory alone, of which ``UploadBudget`` has the account.

The grammar of a head is gunicorn's (``server.gunicorn_internals``). Its parser of chunked bodies waits for their bytes,
so ``chunked_body`` has another.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from server.gunicorn_internals.request import Request, parse_request
from server.http.chunked_body import ChunkedBody
from server.http.limits import GROWTH, MAX_HEAD_BYTES, PARSE_AGAIN_BYTES, Limits
from server.http.rules import check_head
from server.request_errors import MalformedRequest, UploadTooLarge

ORIGIN_FIELD = re.compile(rb"\r\norigin:[ \t]*([\x21-\x7e]+)[ \t]*\r\n", re.IGNORECASE)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class RequestParser:
    """The requests of one connection, one after the other.

    Args:
        limits: of a head and of a body.
        address: the client's.
        send: sends to the client, at once; for those that ask before they send a body.

    Attributes:
        num_missing: at least so many bytes of a body are still to come.
    """

    def __init__(self, limits: Limits, address: Any, send: Callable[[bytes], None]) -> None:
        self.num_missing = 0
        self._limits, self._address, self._send = limits, address, send
        self._rest = b""  # what came and belongs to no request yet
        self._num_seen = 0  # bytes of it in which there is no whole head
        self._request: Request | None = None
        self._chunked: ChunkedBody | None = None  # where the body of the request at hand is
        self._body: bytes | bytearray = b""
        self._num_counted = 0
        self._num_requests = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a next request has come."""
        return self._request is None and not self._rest

    @property
    def is_paused(self) -> bool:
        """Whether there is more to do with what has come: ``feed`` goes on with it, given nothing more."""
        return self._chunked is not None and self._chunked.is_paused and self.num_missing > 0

    @property
    def origin(self) -> str:
        """The Origin of the request at hand, of one that is malformed too; empty without one."""
        if self._request is not None:
            return next((value for name, value in self._request.headers if name == "ORIGIN"), "")
        found = ORIGIN_FIELD.search(self._rest)
        return found[1].decode() if found else ""

    def feed(self, data: bytes) -> None:
        """Take in what has come.

        Raises:
            MalformedRequest: it is not valid HTTP.
        """
        if self._request is not None:
            self._append(self._request, data)
        else:
            self._rest = self._rest + data if self._rest else data

    def take(self) -> Request | None:
        """Hand out the next request, with its body, if it is whole.

        Raises:
            MalformedRequest: as ``feed``.
        """
        if self._request is None and self._may_have_head():
            received = self._rest
            end = received.find(b"\r\n\r\n") + 4
            head = received if end == 3 else received[:end]  # else gunicorn would copy a large body around
            parsed = self._parsed(head)
            if parsed is None:
                self._num_seen = len(received)
                return None
            self._num_seen = 0
            self._num_requests += 1
            self._request, rest = parsed
            self._rest = rest + received[end:] if rest else received[end:]
            self._begin_body(self._request)
        return None if self.num_missing else self._request

    def _parsed(self, head: bytes) -> tuple[Request, bytes] | None:
        """Parse a head, and find what follows it; None where more has to come."""
        known_heads = self._limits.known_heads
        if (known := known_heads.find(head, self._address)) is not None:
            return known, b""
        parsed = parse_request(head, self._limits.cfg, self._address, self._num_requests + 1)
        if len(head) > MAX_HEAD_BYTES:
            raise MalformedRequest("the head is too large", 431)
        if parsed is not None:
            check_head(parsed[0])
            if not parsed[1]:
                known_heads.learn(head, self._address, parsed[0])
        return parsed

    def _may_have_head(self) -> bool:
        """Tell whether to parse what has come: a head that may be whole, or lines of one that are worth a look."""
        received, num_seen = self._rest, self._num_seen
        num_new = len(received) - num_seen
        if num_new <= 0 or num_new >= PARSE_AGAIN_BYTES:
            return num_new > 0
        if received.find(b"\n", num_seen) < 0:
            return False
        return num_new * GROWTH >= num_seen or received.find(b"\r\n\r\n", max(0, num_seen - 3)) >= 0

    def abort(self, error: Exception | None = None) -> Request | None:
        """Hand out the request at hand although no more of it will come; None if its head has not come.

        Reading its body raises ``error``, if there is one. A chunked body raises in any case, as nobody could tell that
        it is not whole.
        """
        request = self._request
        if request is not None:
            if self._chunked and not error:
                error = OSError("the chunked body has no end")
            request.body = RequestBody(self._body, error)
            request.force_close()
            self.num_missing = 0
        return request

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

    def _begin_body(self, request: Request) -> None:
        if request.num_body_bytes != 0 and (refusal := self._limits.body_refusal(request.headers, self._address[0])):
            self.abort(refusal)
            return
        if request.num_body_bytes is None:
            self._chunked = ChunkedBody(request, self._limits.max_body_bytes)
            self.num_missing = self._chunked.num_missing
        elif request.num_body_bytes > self._limits.max_body_bytes:
            self.abort(OSError("the body is larger than allowed, and was not read"))
            return
        else:
            self.num_missing = request.num_body_bytes
        request.body = RequestBody(b"")
        if self._rest and self.num_missing:
            data, self._rest = self._rest, b""
            self._append(request, data)
        if request.expects_continue and self.num_missing:
            self._send(CONTINUE)

    def _append(self, request: Request, received: bytes) -> None:
        """Split what has come into data of the body, and what belongs to the next request."""
        if self._chunked:
            try:
                data = self._chunked.feed(received)
            except UploadTooLarge as error:
                self.abort(error)
                return
            self.num_missing = self._chunked.num_missing
            if not self.num_missing:
                self._rest = self._chunked.rest
        else:
            data, self._rest = received[: self.num_missing], received[self.num_missing :]
            self.num_missing -= len(data)
        if not self._limits.budget.take(len(data)):
            request.exceeds_budget = True
            self.abort(OSError("too many bytes of uploads are in memory"))
            return
        self._num_counted += len(data)
        if not self._body:
            self._body = data
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += data
        if not self.num_missing:
            request.body = RequestBody(self._body)


class RequestBody:
    """A body that is in memory, or what came of it and why no more will come.

    Of a WSGI input stream it is what our application uses: nothing of ours reads lines.
    """

    def __init__(self, content: bytes | bytearray, error: Exception | None = None) -> None:
        self._content = content
        self._position = 0
        self._error = error

    def read(self, size: int = -1) -> bytes | bytearray:
        """Up to ``size`` bytes; none at the end; nothing is copied where the whole is asked for."""
        if self._error:
            raise self._error
        start, end = self._position, len(self._content)
        if size >= 0:
            end = min(end, start + size)
        self._position = end
        return self._content if end - start == len(self._content) else self._content[start:end]
