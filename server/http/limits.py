"""What a client may do: bytes, seconds, and why each number is what it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.errors import OpsinError
from server.http.known_heads import KnownHeads

MAX_HEAD_BYTES = 64 * 1024  # of a request; Envoy has 60 kB, nginx 32
MAX_LINE_BYTES = 8190  # of a chunk's size and its extensions, as gunicorn has it
MAX_TRAILER_BYTES = 8190  # of a chunked body; as much as one field of a head may have
RECV_BYTES = 64 * 1024  # at a time: a photo and its head come in one call
MAX_RECV_BYTES = 1024 * 1024  # at a time, of a large body: others wait as long as this takes
LINGER_S = 2.0  # for a client to finish sending and to read why it was refused
MAX_LINGER_BYTES = 256 * 1024**2  # that it may send meanwhile; they are dropped
# Where there are too many connections, and none is idle, those may be let go that have been silent for so long in the
# midst of a request or a response, or slow for longer.
SILENT_S = 1.0
STALLED_S = 5.0
MIN_BYTES_PER_S = 500  # else a client is slow: as Apache's mod_reqtimeout has it
CHUNKS_PER_TURN = 256  # of a chunked body, then others have theirs: a millisecond
# A head is looked at again when so many bytes have come, or lines that make it longer by so large a part: else one that
# comes line by line would be parsed a hundred times.
PARSE_AGAIN_BYTES = 4096
GROWTH = 8


def spare_connections(limit: int) -> int:
    """Choose how many connections are taken in past their limit, to be told so and to be asked how the server is."""
    return max(4, min(64, limit // 8))


Headers = Sequence[tuple[str, str]]


def read_every_body(_headers: Headers, _address: str) -> OpsinError | None:
    """Refuse no request's body."""
    return None


class UploadBudget:
    """Bounds the bytes of uploads that an HTTP worker holds in memory at once, over all its connections.

    It counts bytes as they come in, not as they are announced: a promise takes no memory. Any thread may use it.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._num_bytes = 0
        self._lock = threading.Lock()

    def take(self, num_bytes: int) -> bool:
        """Count bytes that have come in; False, and nothing is counted, where they are too many."""
        with self._lock:
            if self._num_bytes + num_bytes > self._max_bytes:
                return False
            self._num_bytes += num_bytes
            return True

    def give_back(self, num_bytes: int) -> None:
        """Count bytes off that are no longer needed."""
        with self._lock:
            self._num_bytes -= num_bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """What every connection of a worker is granted.

    Attributes:
        cfg: gunicorn's settings, which limit the line and the fields of a head.
        max_body_bytes: of one request.
        budget: of all requests from the first byte of a body to the response.
        keepalive_s: how long a connection may be silent between requests, or leave a response untaken.
        read_timeout_s: how long a request may take to come in.
        body_refusal: why a body is not read, or None, by the headers of its request (names in capitals, and values)
            and the client's address.
        known_heads: of requests that any of them has sent.
    """

    cfg: Any
    max_body_bytes: int
    budget: UploadBudget
    keepalive_s: float
    read_timeout_s: float
    body_refusal: Callable[[Headers, str], OpsinError | None] = read_every_body
    known_heads: KnownHeads = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "known_heads", KnownHeads(self.cfg))
