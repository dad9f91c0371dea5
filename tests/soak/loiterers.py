"""Clients that take their time: idle connections, heads and bodies of which a byte comes now and then."""

from __future__ import annotations

import contextlib
import random
import socket

from soak.background import Background

PERIOD_S = 0.5
STAYS = (3.0, 40.0)  # seconds, from and to
BEGINNINGS = (
    b"",
    b"GET / HTTP/1.1\r\nX: ",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n",
)


class Loiterer:
    """One such connection, and for how many more periods it stays."""

    def __init__(self, port: int, rng: random.Random) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PERIOD_S)
        self._periods = rng.uniform(*STAYS) / PERIOD_S
        self._beginning = rng.choice(BEGINNINGS)
        self._socket.sendall(self._beginning)
        self._socket.setblocking(False)

    def go_on(self) -> bool:
        """Send a byte; False where it is over."""
        self._periods -= 1
        try:
            if self._beginning:
                self._socket.send(b"x")
            with contextlib.suppress(BlockingIOError):
                return bool(self._socket.recv(10_000)) and self._periods > 0
        except OSError:
            return False
        return self._periods > 0

    def close(self) -> None:
        self._socket.close()


class Loiterers(Background):
    """So many of them at any time, on one thread; they leave with the context."""

    def __init__(self, port: int, *, count: int, seed: int) -> None:
        super().__init__("loiterers")
        self._port, self._count, self._rng = port, count, random.Random(seed)

    def run(self) -> None:
        there: list[Loiterer] = []
        while not self._is_over.wait(PERIOD_S):
            stay = []
            for loiterer in there:
                if loiterer.go_on():
                    stay.append(loiterer)
                else:
                    loiterer.close()
            there = stay
            with contextlib.suppress(OSError):  # a worker that was killed takes none
                while len(there) < self._count:
                    there.append(Loiterer(self._port, self._rng))
        for loiterer in there:
            loiterer.close()
