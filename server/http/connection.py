"""One client's connection: what comes in and what goes out without waiting, and a close that is heard."""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress
from typing import Any

from server.gunicorn_internals.request import Request
from server.http.limits import (
    LINGER_S,
    MAX_LINGER_BYTES,
    MAX_RECV_BYTES,
    MIN_BYTES_PER_S,
    RECV_BYTES,
    SILENT_S,
    STALLED_S,
    Limits,
)
from server.http.parser import RequestParser
from server.http.tls_socket import TLSSocket


class ConnectionOver(Exception):
    """There is no further request: the client has closed the connection, or its time is over."""


class Connection:
    """Used by one thread at a time.

    Attributes:
        heard_at: when bytes of a request or a response last came or left.
        deadline: by when the client must have sent a request or the rest of one, have taken its response, or be gone.
        is_late: whether it has passed.
        has_more: whether there is more to do with what has come, though nothing else comes.
        is_slow: whether it waits in the slow lane (`server.http.threads`).
        is_too_many: whether it was taken in past the limit of connections, and is to be let go soon.
    """

    def __init__(self, sock: socket.socket | TLSSocket, address: Any, server_address: Any, limits: Limits) -> None:
        sock.setblocking(False)
        self.sock, self.address, self.server_address = sock, address, server_address
        self.fd = sock.fileno()
        self.parser = RequestParser(limits, address, self.sendall)
        self.read_since = time.monotonic()  # when the first byte of the request came
        self.deadline = self.read_since + limits.keepalive_s
        self.is_late = False
        self.is_lingering = False
        self.has_more = self.is_slow = self.is_too_many = False
        self._limits = limits
        self.heard_at = self.read_since
        self._slow_at = 0.0  # when the client counts as slow unless more has come
        self._num_dropped = 0
        self._unsent = bytearray()

    @property
    def has_unsent(self) -> bool:
        """Whether the client has yet to take the rest of a response, before which it gets no other."""
        return bool(self._unsent)

    @property
    def idle_since(self) -> float:
        """When the last response was sent, or the connection began, where it is idle."""
        return self.deadline - self._limits.keepalive_s

    @property
    def is_idle(self) -> bool:
        """Whether no request is on its way in, and no response on its way out."""
        return self.parser.is_idle and not self._unsent

    def is_stalled(self, now: float) -> bool:
        """Tell whether the client has been silent in the midst of a request or a response, or slow for long."""
        if self.is_idle or self.has_more:
            return False
        return now - self.heard_at > SILENT_S or now > self._slow_at

    def next_request(self) -> Request | None:
        """Take in what has come; gives the next request if it is whole, None if more has to come or to leave first.

        It takes in one piece at a time, and of one that costs much a part, so that a client that never stops sending
        keeps nobody else waiting.

        Raises:
            ConnectionOver: there will be no further request.
            OSError: the client has gone.
            MalformedRequest: what came is not valid HTTP.
        """
        parser = self.parser
        if self._unsent and not self._send_rest():
            return None
        self.has_more = False
        if (request := parser.take()) is not None:
            return request
        if self.is_late and not parser.is_idle:
            return self._abort(TimeoutError("the request did not arrive in time"))
        data = b""
        if not parser.is_paused:
            try:
                data = self.sock.recv(min(max(parser.num_missing, RECV_BYTES), MAX_RECV_BYTES))
            except BlockingIOError:
                if self.is_late:  # and not even the begin of a request has come, which would count
                    raise ConnectionOver from None
                return None
            except OSError:
                raise ConnectionOver from None
            if not data:
                return self._abort(None)
            now = time.monotonic()
            if parser.is_idle:
                self.is_late = False
                self.read_since = now
                self.deadline = now + self._limits.read_timeout_s
                self._slow_at = now + STALLED_S
            self._note_progress(len(data), now)
        parser.feed(data)
        request = parser.take()
        self.has_more = parser.is_paused
        return request

    def is_ready(self) -> bool:
        """Tell whether there is something to read, or where a response is to leave first, room for more of it."""
        poll = select.poll()
        poll.register(self.fd, select.POLLOUT if self._unsent else select.POLLIN)
        return bool(poll.poll(0))

    def put_back(self, *, is_slow: bool) -> None:
        """Say in which lane the request that was handed out is to be handed out again."""
        self.is_slow, self.has_more = is_slow, True

    def expire(self) -> None:
        """Say that the deadline has passed: the connection is to be looked at again."""
        self.is_late = True
        if self._unsent:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)  # else the epoll would say nothing of it until the client reads

    def finish_request(self) -> None:
        """Begin to wait for the next request, which may have come already: then in the slow lane."""
        self.parser.finish()
        self.is_slow = self.has_more = not self.parser.is_idle
        self.is_late = False
        self.read_since = time.monotonic()  # the next one may have come with it
        self.deadline = self.read_since + self._limits.keepalive_s

    def sendall(self, data: bytes) -> None:
        """Send a response, or a part of it; what the client does not take yet is kept, and leaves when it does."""
        if not self._unsent:
            with suppress(BlockingIOError):
                data = data[self.sock.send(data) :]
            if data:
                self.heard_at = time.monotonic()
                self._slow_at = self.heard_at + STALLED_S
        self._unsent += data

    def linger(self) -> bool:
        """Close it, but drop for a while what the client still sends, so that it reads our response first.

        Returns:
            Whether it is closed; else to be called again when more can come or leave, or the deadline has passed.
        """
        if not self.is_lingering:
            self.is_lingering, self.is_late, self.has_more = True, False, False
            self.deadline = time.monotonic() + (self._limits.keepalive_s if self._unsent else LINGER_S)
            self.parser.finish()
        try:
            if not self._send_rest():
                return False
            self.sock.shutdown(socket.SHUT_WR)
            most = min(self._num_dropped + MAX_RECV_BYTES, MAX_LINGER_BYTES)  # then others have their turn
            while not self.is_late and self._num_dropped < most and (data := self.sock.recv(RECV_BYTES)):
                self._num_dropped += len(data)
            if not self.is_late and most <= self._num_dropped < MAX_LINGER_BYTES:
                return False
        except BlockingIOError:
            return False
        except OSError:
            pass
        self.close()
        return True

    def close(self) -> None:
        """Close it at once."""
        self.parser.finish()
        with suppress(OSError):
            self.sock.close()

    def _send_rest(self) -> bool:
        """Send what the client takes now; gives whether that was all."""
        with suppress(BlockingIOError):
            while self._unsent:
                num_sent = self.sock.send(self._unsent)
                del self._unsent[:num_sent]
                self._note_progress(num_sent, time.monotonic())
        return not self._unsent

    def _note_progress(self, num_bytes: int, now: float) -> None:
        """Note that bytes have come or left: each buys time, but never more than STALLED_S from now."""
        self.heard_at = now
        self._slow_at = min(self._slow_at + num_bytes / MIN_BYTES_PER_S, now + STALLED_S)

    def _abort(self, error: Exception | None) -> Request:
        """Hand out the request that is not whole, so that it gets a response, be it an error."""
        if (request := self.parser.abort(error)) is None:
            raise ConnectionOver
        return request
