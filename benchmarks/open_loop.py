"""Open-loop load: requests arrive at their times, whether earlier ones were answered or not.

One thread with non-blocking sockets: an arrival takes an idle connection, or opens one; as in any client's pool, one
that the server has closed meanwhile is not used again. Latency counts from the time at which a request was due, so that
a late generator makes the server look worse, never better.
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
    """One request and what came of it.

    Attributes:
        due_s: seconds from the start.
        latency_ms: from then to the answer, or to its want.
        status: 0 is no answer.
        has_retry_after: whether the answer says when to come back.
        how: it was lost, where there was no answer.
        num_before: answers that its connection had brought before.
    """

    due_s: float
    latency_ms: float
    status: int
    has_retry_after: bool
    how: str = ""
    num_before: int = 0


class _Exchange:
    """A connection and the request that it carries."""

    __slots__ = ("due_at", "num_answers", "received", "socket", "to_send")

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(*_BACKLOG_ERRORS):
            self.socket.connect(("127.0.0.1", port))
        self.due_at = 0.0
        self.to_send = memoryview(b"")
        self.received = bytearray()
        self.num_answers = 0

    @property
    def is_closed(self) -> bool:
        """Whether the server has closed it, or sent what nobody asked for."""
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except _BACKLOG_ERRORS:
            return False
        except OSError:
            pass
        return True


class OpenLoop:
    """Sends the requests in turn at a steady rate; `outcomes` has one entry for each that was due.

    Args:
        port: of this machine.
        requests: whole ones.
        num_clients: as many connections are opened at once, used in turn and opened anew when they were closed, as
            those of so many clients would be; without, the one that was used last is the next to be used.
    """

    def __init__(self, port: int, requests: Sequence[bytes], *, num_clients: int = 0) -> None:
        self.outcomes: list[Outcome] = []
        self._port = port
        self._requests = requests
        self._num_clients = num_clients
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
            for _ in range(self._num_clients):
                self._idle.append(exchange := _Exchange(self._port))
                self._watch(exchange, selectors.EVENT_READ)
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
                self._finish(exchange, None, "no answer in time")
            self._close()
        return self.outcomes

    def _send(self, request: bytes, due_at: float) -> None:
        exchange = self._next()
        exchange.due_at = due_at
        exchange.to_send = memoryview(request)
        self._busy.add(exchange)
        self._watch(exchange, selectors.EVENT_WRITE)

    def _next(self) -> _Exchange:
        while self._idle and len(self._idle) + len(self._busy) >= self._num_clients:
            exchange = self._idle[0 if self._num_clients else -1]
            if not exchange.is_closed:
                self._idle.remove(exchange)
                return exchange
            self._forget(exchange)
        return _Exchange(self._port)

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
            except OSError as error:
                self._finish(exchange, None, type(error).__name__)

    def _write(self, exchange: _Exchange) -> None:
        exchange.to_send = exchange.to_send[exchange.socket.send(exchange.to_send) :]
        if not exchange.to_send:
            self._watch(exchange, selectors.EVENT_READ)

    def _read(self, exchange: _Exchange) -> None:
        chunk = exchange.socket.recv(65536)
        exchange.received += chunk
        answer = parse_answer(exchange.received)
        if answer or not chunk:
            self._finish(exchange, answer, "" if answer else "closed")

    def _finish(self, exchange: _Exchange, answer: Answer | None, how: str = "") -> None:
        latency_ms = 1000 * (time.monotonic() - exchange.due_at)
        retry_after = answer.headers.get("retry-after", "") if answer else ""
        status = answer.status if answer else NO_ANSWER
        due_s = exchange.due_at - self._began_at
        outcome = Outcome(due_s, latency_ms, status, retry_after.isdecimal(), how, exchange.num_answers)
        self.outcomes.append(outcome)
        exchange.num_answers += 1
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
