"""Counts that expire, in memory that all HTTP workers share: how often a client has asked lately, whoever answered.

The memory is bounded whatever comes: a table of rows, of which a key has few to choose from. Where they are all taken
the one that would expire first is given up, so that a flood of addresses costs a client its count, and never memory.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import threading
import time
from collections.abc import Callable

NUM_SETS = 8192
ROWS_OF_SET = 8
FIELDS = 3  # of a row: the key's hash, when it expires in microseconds, the count
SET_FIELDS = ROWS_OF_SET * FIELDS
MICROSECONDS = 1_000_000


class SharedCounts:
    """To be made before the workers are forked.

    The threads of a worker take turns. Workers do not: where two count in the same instant one of them may be lost,
    which is less than a lock would cost that a killed worker holds.

    Args:
        clock: in seconds, the same in all processes. One that somebody sets back would keep a client out until it is
            again as late as it was.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = memoryview(mmap.mmap(-1, 8 * NUM_SETS * SET_FIELDS)).cast("q")
        self._clock = clock
        self._secret = os.urandom(16)  # so that nobody can look for keys that share a set with another's
        self._lock = threading.Lock()

    def add(self, key: str, amount: int, expiry_s: float) -> int:
        """Count, and give the number so far; the first of a key sets when it expires."""
        now = int(self._clock() * MICROSECONDS)
        digest, rows = self._rows(key)
        table = self._table
        with self._lock:
            row = self._find(digest, rows, now)
            if row is None:
                row = min(rows, key=lambda row: table[row + 1])
                table[row], table[row + 1], table[row + 2] = digest, now + int(expiry_s * MICROSECONDS), 0
            table[row + 2] += amount
            return table[row + 2]

    def count(self, key: str) -> int:
        """Give the number so far."""
        row = self._find(*self._rows(key), int(self._clock() * MICROSECONDS))
        return 0 if row is None else self._table[row + 2]

    def expires_in_s(self, key: str) -> float:
        """Tell in how many seconds its count begins anew; 0 where there is none."""
        now = int(self._clock() * MICROSECONDS)
        row = self._find(*self._rows(key), now)
        return 0.0 if row is None else (self._table[row + 1] - now) / MICROSECONDS

    def _rows(self, key: str) -> tuple[int, range]:
        digest = hashlib.blake2b(key.encode(errors="surrogateescape"), digest_size=8, key=self._secret).digest()
        number = int.from_bytes(digest, "little", signed=True)
        first = number % NUM_SETS * SET_FIELDS
        return number, range(first, first + SET_FIELDS, FIELDS)

    def _find(self, digest: int, rows: range, now: int) -> int | None:
        table = self._table
        return next((row for row in rows if table[row] == digest and table[row + 1] > now), None)
