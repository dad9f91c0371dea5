"""How many requests a client may have in hand at once."""

from __future__ import annotations

import threading


class RequestsInHand:
    """Bounds the requests of one client that an HTTP worker has in hand."""

    def __init__(self, max_requests: int) -> None:
        self._max_requests = max_requests
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()

    def begin(self, client: str) -> bool:
        """Count one more; False, and nothing is counted, where there would be too many."""
        with self._lock:
            number = self._numbers.get(client, 0)
            if number >= self._max_requests:
                return False
            self._numbers[client] = number + 1
            return True

    def is_full(self, client: str) -> bool:
        """Tell whether there would be too many with one more."""
        return self._numbers.get(client, 0) >= self._max_requests

    def end(self, client: str) -> None:
        """Count one less."""
        with self._lock:
            self._numbers[client] -= 1
            if not self._numbers[client]:
                del self._numbers[client]
