"""The clients of a soak: threads that send at a steady pace, judge every answer, and tell what they saw."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable

from benchmarks.connection import Answer, NoAnswer, parse_answer
from soak.exchanges import Exchange, Exchanges, Way
from soak.journal import Journal
from soak.judge import ANSWERED, LATE, Interval, Unexplained, Wrong

PATIENCE_S = 30.0  # three times the deadline of a request
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close drops the connection
SLOWEST_READ_BYTES, SLOW_READ_S = 500, 0.02
MAX_KEPT = 100  # faults that are told in words
GIVEN_UP, CUT, LATE_AS_EXPLAINED = "given up", "cut by a worker's kill", "504 after a process was stopped"


class Tally:
    """What all clients saw."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.outcomes: Counter[tuple[str, str]] = Counter()  # (kind, outcome)
        self.wrong: list[str] = []
        self.unexplained: list[str] = []
        self.latencies_ms: deque[float] = deque(maxlen=200_000)  # of single good pictures

    def note(self, kind: str, outcome: str, latency_ms: float | None = None) -> None:
        with self._lock:
            self.outcomes[kind, outcome] += 1
            if latency_ms is not None:
                self.latencies_ms.append(latency_ms)

    def note_fault(self, kind: str, fault: Exception) -> None:
        faults = self.wrong if isinstance(fault, Wrong) else self.unexplained
        with self._lock:
            self.outcomes[kind, type(fault).__name__.lower()] += 1
            faults.append(f"{time.strftime('%H:%M:%S')} {kind}: {fault}")

    def total(self, outcome: str) -> int:
        with self._lock:
            return sum(count for (_, each), count in self.outcomes.items() if each == outcome)


class Line:
    """One connection: sends pieces, reads whole answers.

    Attributes:
        heard_at: when it was last known to stand: when something was sent that was answered. When its answer came tells
            less, for it may have waited here while the worker was killed.
    """

    def __init__(self, port: int) -> None:
        self.heard_at = self._sent_at = time.monotonic()
        try:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        except OSError as error:
            raise NoAnswer(f"not connected: {error!r}") from error
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()

    def send(self, exchange: Exchange) -> None:
        """Send all pieces; where the server has answered and closed before the last, its answer is what counts."""
        self._sent_at = time.monotonic()
        try:
            for number, piece in enumerate(exchange.pieces):
                time.sleep(exchange.pause_s if number else 0)
                self.socket.sendall(piece)
            if exchange.way is Way.HALF_CLOSED:
                self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            if not self._received and not self._has_answer():
                raise NoAnswer(f"{error!r} while sending") from error

    def answer(self, *, at_most_bytes: int = 100_000, pause_s: float = 0.0) -> Answer:
        try:
            while (answer := parse_answer(self._received)) is None:
                time.sleep(pause_s)
                if not (received := self.socket.recv(at_most_bytes)):
                    raise NoAnswer(f"closed after {len(self._received)} bytes of an answer")
                self._received += received
        except OSError as error:
            raise NoAnswer(f"{error!r} after {len(self._received)} bytes of an answer") from error
        del self._received[: self._received.index(b"\r\n\r\n") + 4 + len(answer.body)]
        self.heard_at = self._sent_at
        return answer

    def close(self, *, resets: bool = False) -> None:
        if resets:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.close()

    def _has_answer(self) -> bool:
        try:
            self._received += self.socket.recv(100_000)
        except OSError:
            return False
        return bool(self._received)


class Client(threading.Thread):
    """Sends one exchange after the other; one that took long makes the next ones late, and none is left out.

    Args:
        port: of the server.
        exchanges: what it sends.
        journal: what may excuse a missing answer.
        tally: where it tells what it saw.
        period_s: between two of its exchanges, on average.
        rng: draws their times.
    """

    def __init__(
        self, port: int, exchanges: Exchanges, journal: Journal, tally: Tally, period_s: float, rng: random.Random
    ) -> None:
        super().__init__(name="soak client", daemon=True)
        self._port, self._exchanges, self._journal, self._tally = port, exchanges, journal, tally
        self._period_s, self._rng = period_s, rng
        self._is_over = threading.Event()
        self._kept: Line | None = None
        self.failure: BaseException | None = None

    def run(self) -> None:
        due_at = time.monotonic()
        try:
            while True:
                due_at = max(due_at + self._rng.expovariate(1 / self._period_s), time.monotonic() - self._period_s)
                if self._is_over.wait(max(0.0, due_at - time.monotonic())):
                    return
                self.send(self._exchanges.draw())
        except BaseException as error:  # noqa: BLE001 - told by `stop`
            self.failure = error
        finally:
            self._hang_up()

    def stop(self) -> None:
        self._is_over.set()

    def send(self, exchange: Exchange) -> None:
        """Send it, read what comes back and judge that."""
        began_at = time.monotonic()
        line = None
        try:
            line = self._line_for(exchange)
            line.send(exchange)
            if exchange.way in (Way.LEAVES, Way.RESETS):
                time.sleep(exchange.pause_s)
                self._tally.note(exchange.kind, GIVEN_UP)
            is_last = self._read(line, exchange, began_at)
        except NoAnswer as missing:
            is_last = True
            self._note_missing(exchange, missing, line.heard_at if line else began_at, began_at)
        if line and (is_last or exchange.way is not Way.KEPT):
            line.close(resets=exchange.way is Way.RESETS)
            if line is self._kept:
                self._kept = None

    def _read(self, line: Line, exchange: Exchange, began_at: float) -> bool:
        slow = {"at_most_bytes": SLOWEST_READ_BYTES, "pause_s": SLOW_READ_S}
        for judge in exchange.judges:
            answer = line.answer(**slow if exchange.way is Way.SLOW_READER else {})
            self._note(exchange, answer, judge, Interval(began_at, time.monotonic()))
            if answer.is_last:
                return True
        return False

    def _note(self, exchange: Exchange, answer: Answer, judge: Callable, interval: Interval) -> None:
        try:
            outcome = judge(answer, interval)
            if outcome == LATE:
                if not self._journal.explains_late(interval.began_at, interval.ended_at):
                    raise Unexplained(f"504 {answer.body[:200]!r}")
                outcome = LATE_AS_EXPLAINED
        except (Wrong, Unexplained) as fault:
            self._tally.note_fault(exchange.kind, fault)
            return
        is_single = exchange.kind.startswith("one picture") and not exchange.pause_s and outcome == ANSWERED
        latency_ms = 1000 * (interval.ended_at - interval.began_at) if is_single else None
        self._tally.note(exchange.kind, outcome, latency_ms)

    def _note_missing(self, exchange: Exchange, missing: NoAnswer, heard_at: float, began_at: float) -> None:
        now = time.monotonic()
        if exchange.may_be_cut or not exchange.judges:
            self._tally.note(exchange.kind, GIVEN_UP)
        elif self._journal.explains_cut(heard_at, began_at, now):
            self._tally.note(exchange.kind, CUT)
        else:
            since = f"{now - began_at:.3f} s after it was sent, {now - heard_at:.3f} s after the connection last stood"
            self._tally.note_fault(exchange.kind, Unexplained(f"{missing}, {since}"))

    def _line_for(self, exchange: Exchange) -> Line:
        if exchange.way is not Way.KEPT:
            return Line(self._port)
        if self._kept is None:
            self._kept = Line(self._port)
        return self._kept

    def _hang_up(self) -> None:
        if self._kept:
            self._kept.close()
            self._kept = None


class Clients:
    """So many clients, which together send so many requests a second; they stop with the context."""

    def __init__(
        self,
        port: int,
        make_exchanges: Callable[[random.Random], Exchanges],
        journal: Journal,
        tally: Tally,
        *,
        count: int,
        rate: float,
        seed: int,
    ) -> None:
        rngs = [random.Random(f"{seed} {number}") for number in range(count)]
        self._clients = [
            Client(port, make_exchanges(rng), journal, tally, period_s=count / rate, rng=rng) for rng in rngs
        ]

    def __enter__(self) -> Clients:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let each finish what it sends; raises what went wrong in a client itself."""
        for client in self._clients:
            client.stop()
        for client in self._clients:
            client.join()
            if client.failure:
                raise client.failure
