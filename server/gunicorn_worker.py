"""The HTTP worker: gunicorn's threaded worker, hardened against slow clients and quick to stop.

What it changes, and why:

- A connection waits for its first byte in the poller, not in a thread: gunicorn gives a silent one a thread for five
  seconds, so a handful of browsers that connect ahead of time would hold all of them.
- A request must arrive whole within a time limit: gunicorn's threads wait for ever for the rest of an upload.
- What is left of a refused upload is read and dropped in the request's thread, not in the loop that accepts others,
  and more of it, so that a client which sends before it listens still gets its 413.
- A request that cannot be parsed is answered in JSON like every other error.
- When it stops it takes in the connections that the kernel has accepted already, finishes every request in hand, and
  lets connections without one go after half a second instead of two.

Written against gunicorn 27; the tests in tests/e2e/ fail where a newer one behaves otherwise.
"""

from __future__ import annotations

import errno
import json
import signal
import socket
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.http import errors as http_errors
from gunicorn.util import close_graceful, write_nonblock
from gunicorn.workers.gthread import TConn, ThreadWorker

STOP_SIGNALS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT)
IDLE_LINGER_S = 0.5
LINGER_S = 2.0
MAX_LINGER_BYTES = 256 * 1024**2

PARSE_ERRORS = {
    http_errors.LimitRequestLine: (414, "URI Too Long"),
    http_errors.LimitRequestHeaders: (431, "Request Header Fields Too Large"),
    http_errors.UnsupportedTransferCoding: (501, "Not Implemented"),
    http_errors.ExpectationFailed: (417, "Expectation Failed"),
}


class ReadTimeout(http_errors.NoMoreData, TimeoutError):  # type: ignore[misc]
    """The request did not arrive in time: gunicorn closes the connection, and our body reader answers 408."""


class TimedSocket:
    """What the parser reads requests from: a socket that gives up when the time of the request is over."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.deadline = 0.0

    def recv(self, size: int) -> bytes:
        """Read at least one byte, or none at the end."""
        self._sock.settimeout(max(0.001, self.deadline - time.monotonic()))
        try:
            return self._sock.recv(size)
        except TimeoutError:
            raise ReadTimeout from None
        finally:
            self._sock.settimeout(None)


class Connection(TConn):  # type: ignore[misc]
    """A client's connection, closed once, with a time limit for each request that comes over it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.timed_sock: TimedSocket | None = None
        self.is_closed = False

    def await_request(self, read_timeout_s: float) -> None:
        """Start the clock of the next request."""
        self.init()
        if self.timed_sock is None:
            self.timed_sock = self.parser.unreader.sock = TimedSocket(self.sock)
        self.timed_sock.deadline = time.monotonic() + read_timeout_s

    def close(self, graceful: bool = False) -> None:
        """Close it; gracefully: drop what the client still sends for a while, so that it reads our answer first."""
        if self.is_closed:
            return
        self.is_closed = True
        with suppress(OSError):
            if graceful:
                self.sock.setblocking(True)
                close_graceful(self.sock, timeout=LINGER_S, max_drain=MAX_LINGER_BYTES)
            else:
                self.sock.close()


class HTTPWorker(ThreadWorker):  # type: ignore[misc]
    """See the module."""

    def init_signals(self) -> None:
        """Leave Ctrl-C, which the terminal sends to every process, to the master: it tells the workers to finish."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)  # the master forks with them held back

    def accept(self, listener: Any) -> None:
        """Take a connection in, and wait in the poller for its first byte."""
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED):
                return
            raise
        conn = Connection(self.cfg, sock, address, listener.getsockname())
        conn.set_timeout()
        self.nr_conns += 1
        self.pending_conns.append(conn)
        self.poller.register(sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle(self, conn: Connection) -> Any:
        """Answer one request, in a thread of the pool."""
        try:
            conn.sock.setblocking(True)
            conn.await_request(self.app.settings.read_timeout_ms / 1000)
        except OSError:
            return False
        keep = super().handle(conn)
        if keep is False:
            conn.close(graceful=True)
        return keep

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer a request that is no HTTP; everything else is a bug, logged by gunicorn and answered 500."""
        if not isinstance(exc, http_errors.ParseException):
            super().handle_error(req, client, addr, exc)
            return
        status, reason = PARSE_ERRORS.get(type(exc), (400, "Bad Request"))
        self.log.info("no HTTP request: %s", exc)
        body = json.dumps({"error": {"code": "malformed_http", "message": f"the request is not valid HTTP: {exc}"}})
        head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        with suppress(OSError):
            write_nonblock(client, f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def set_accept_enabled(self, enabled: bool) -> None:
        """Start or pause accepting; when the worker stops, for good and after one last round."""
        is_last = not (enabled or self.alive)
        if is_last and self._accepting:
            self._accept_backlog()
        super().set_accept_enabled(enabled)
        if is_last:
            for listener in self.sockets:
                listener.close()

    def _accept_backlog(self) -> None:
        for listener in self.sockets:
            num_before = -1
            while self.nr_conns != num_before:
                num_before = self.nr_conns
                self.accept(listener)

    def _cap_keepalive(self, deadline: float) -> None:
        """Let connections without a request go soon, those that never sent a byte included."""
        deadline = min(deadline, time.monotonic() + IDLE_LINGER_S)
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)
