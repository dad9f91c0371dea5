"""How many connections each HTTP worker has, for every worker to see, so that each gets its share."""

from __future__ import annotations

import mmap


class ConnectionCounts:
    """Counts that the workers share; to be made before they are forked.

    The kernel wakes all workers for a new connection, and the first takes it. Clients that keep theirs stay with that
    worker, so chance at the start decides how well they are served for hours. Each worker writes its own count alone,
    so there is nothing to lock.
    """

    def __init__(self, num_workers: int) -> None:
        self._counts = memoryview(mmap.mmap(-1, 8 * num_workers)).cast("q")

    def set(self, worker: int, number: int) -> None:
        """Say how many connections a worker has now."""
        self._counts[worker] = number

    def has_more_than_another(self, worker: int, *, by: int = 1) -> bool:
        """Tell whether a new connection would better be taken by another worker, which has so many fewer at least."""
        return bool(self._counts[worker] >= min(self._counts) + by)
