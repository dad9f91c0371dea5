"""Bounds the bytes of uploads that an HTTP worker holds in memory at once, over all its connections."""

from __future__ import annotations

import threading


class UploadBudget:
    """Counts bytes as they come in, not as they are announced: a promise takes no memory. Any thread may use it."""

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
