"""A keep-alive HTTP client that costs little: one request, one answer, on one socket."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any

LONGEST_WAIT_S = 60.0
LOOPBACK = "127.0.0.1"


class NoAnswer(Exception):
    """The connection ended before a whole answer came; the text says how."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_last(self) -> bool:
        """Whether the server closes the connection after it."""
        return self.headers.get("connection", "").lower() == "close"

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Connection:
    """One connection to a port of this machine, or of a host of its own (`benchmarks.network`)."""

    def __init__(self, port: int, *, host: str = LOOPBACK, timeout_s: float = LONGEST_WAIT_S) -> None:
        self._socket = socket.create_connection((host, port), timeout=timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, request: bytes) -> Answer:
        """Send one whole request and read its answer.

        Raises:
            NoAnswer: no whole answer came.
        """
        received = bytearray()
        try:
            self._socket.sendall(request)
            while (answer := parse_answer(received)) is None:
                if not (chunk := self._socket.recv(65536)):
                    raise NoAnswer(f"closed after {len(received)} bytes of the answer")
                received += chunk
        except OSError as error:
            raise NoAnswer(f"{type(error).__name__} after {len(received)} bytes of the answer") from error
        return answer

    def close(self) -> None:
        """Close it; a second call does nothing."""
        self._socket.close()


def parse_answer(received: bytes | bytearray) -> Answer | None:
    """Read an answer that says its length; None while it is not whole."""
    head, end_of_head, body = bytes(received).partition(b"\r\n\r\n")
    if not end_of_head:
        return None
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers["content-length"])
    if len(body) < length:
        return None
    return Answer(int(status_line.split(" ", 2)[1]), headers, body[:length])


def get_request(path: str) -> bytes:
    """A GET as bytes."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
