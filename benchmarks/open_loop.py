"""Open-loop load: requests arrive at their times, whether earlier ones were answered or not.

One thread with non-blocking sockets: an arrival takes an idle connection, or opens one. Latency counts from the time at
which a request was due, so that a late generator makes the server look worse, never better.
"""

from __future__ import annotations

import contextlib
import resource
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.connection import Answer, parse_answer

NO_ANSWER = 0
_BACKLOG_ERRORS = (BlockingIOError, InterruptedError)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request: when it was due (seconds from the start), and what came of it; status 0 is no answer."""

    due_s: float
    latency_ms: float
    status: int
    has_retry_after: bool


class _Exchange:
    """A connection and the request that it carries."""

    __slots__ = ("due_at", "received", "socket", "to_send")

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(*_BACKLOG_ERRORS):
            self.socket.connect(("127.0.0.1", port))
        self.due_at = 0.0
        self.to_send = memoryview(b"")
        self.received = bytearray()


class OpenLoop:
    """Sends the requests in turn at a steady rate; `outcomes` has one entry for each that was due."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self.outcomes: list[Outcome] = []
        self._port = port
        self._requests = requests
        self._selector = selectors.DefaultSelector()
        self._idle: list[_Exchange] = []
        self._busy: set[_Exchange] = set()
        self._began_at = 0.0
        self._has_ended = False

    @property
    def now_s(self) -> float:
        """Seconds from the start, as in `due_s`."""
        return time.monotonic() - self._began_at

    def end(self) -> None:
        """Have a run in another thread send nothing more, and wait for what it has sent."""
        self._has_ended = True

    def run(self, *, rate: float, seconds: float, patience_s: float) -> list[Outcome]:
        """Send `rate` requests a second for `seconds`, then wait up to `patience_s` for the answers that are due."""
        num_requests = int(rate * seconds)
        self._began_at = time.monotonic()
        ends_at = self._began_at + seconds + patience_s
        sent = 0
        with _many_files():
            while (sent < num_requests or self._busy) and time.monotonic() < ends_at:
                if self._has_ended:
                    num_requests, ends_at = sent, min(ends_at, time.monotonic() + patience_s)
                    self._has_ended = False
                    continue
                while sent < num_requests and (due_at := self._began_at + sent / rate) <= time.monotonic():
                    self._send(self._requests[sent % len(self._requests)], due_at)
                    sent += 1
                next_at = self._began_at + sent / rate if sent < num_requests else ends_at
                self._serve_sockets(next_at)
            for exchange in list(self._busy):
                self._finish(exchange, None)
            self._close()
        return self.outcomes

    def _send(self, request: bytes, due_at: float) -> None:
        exchange = self._idle.pop() if self._idle else _Exchange(self._port)
        exchange.due_at = due_at
        exchange.to_send = memoryview(request)
        self._busy.add(exchange)
        self._watch(exchange, selectors.EVENT_WRITE)

    def _serve_sockets(self, until: float) -> None:
        for key, _ in self._selector.select(max(0.0, until - time.monotonic())):
            exchange: _Exchange = key.data
            try:
                if exchange not in self._busy:
                    self._forget(exchange)  # closed while idle
                elif exchange.to_send:
                    self._write(exchange)
                else:
                    self._read(exchange)
            except _BACKLOG_ERRORS:
                continue
            except OSError:
                self._finish(exchange, None)

    def _write(self, exchange: _Exchange) -> None:
        exchange.to_send = exchange.to_send[exchange.socket.send(exchange.to_send) :]
        if not exchange.to_send:
            self._watch(exchange, selectors.EVENT_READ)

    def _read(self, exchange: _Exchange) -> None:
        chunk = exchange.socket.recv(65536)
        exchange.received += chunk
        answer = parse_answer(exchange.received)
        if answer or not chunk:
            self._finish(exchange, answer)

    def _finish(self, exchange: _Exchange, answer: Answer | None) -> None:
        latency_ms = 1000 * (time.monotonic() - exchange.due_at)
        retry_after = answer.headers.get("retry-after", "") if answer else ""
        status = answer.status if answer else NO_ANSWER
        self.outcomes.append(Outcome(exchange.due_at - self._began_at, latency_ms, status, retry_after.isdecimal()))
        self._busy.discard(exchange)
        exchange.received.clear()
        if answer is None or answer.is_last:
            self._forget(exchange)
        else:
            self._watch(exchange, selectors.EVENT_READ)
            self._idle.append(exchange)

    def _watch(self, exchange: _Exchange, events: int) -> None:
        if exchange.socket in self._selector.get_map():
            self._selector.modify(exchange.socket, events, exchange)
        else:
            self._selector.register(exchange.socket, events, exchange)

    def _forget(self, exchange: _Exchange) -> None:
        self._selector.unregister(exchange.socket)
        exchange.socket.close()
        with contextlib.suppress(ValueError):
            self._idle.remove(exchange)

    def _close(self) -> None:
        for exchange in list(self._idle):
            self._forget(exchange)
        self._selector.close()


@contextlib.contextmanager
def _many_files() -> Iterator[None]:
    """Let this process have as many connections as it is allowed to, for a while."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
