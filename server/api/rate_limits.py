"""How often a client may ask. The limits are those of the library `limits`, in fixed windows.

A window begins with a client's first request and ends when its time is over, so Retry-After says exactly when the next
request is let in. Counts are shared by the workers of a server, or with Redis by many servers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from limits import parse_many
from limits.errors import StorageError
from limits.storage import RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter

from server.api.shared_counts import SharedCounts

REDIS_TIMEOUT_S = 0.25  # for an answer; a request waits for it
REDIS_PAUSE_S = 5.0  # after a failure, in which the server counts by itself

log = logging.getLogger("opsin.limits")


class SharedStorage(Storage):
    """Counts of `limits` in the memory that the workers share."""

    STORAGE_SCHEME = ["opsin-shared"]  # noqa: RUF012 - as the library has it

    def __init__(self, counts: SharedCounts) -> None:
        super().__init__()
        self._counts = counts

    @property
    def base_exceptions(self) -> type[Exception]:
        """None of its own."""
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count, for a time in seconds."""
        return self._counts.add(key, amount, expiry)

    def get(self, key: str) -> int:
        """Give the count."""
        return self._counts.count(key)

    def get_expiry(self, key: str) -> float:
        """Tell when the count begins anew."""
        return self._counts.expires_at(key)

    def check(self) -> bool:
        """Memory is there."""
        return True

    def reset(self) -> None:
        """Forget nothing: nobody asks."""

    def clear(self, key: str) -> None:
        """Forget nothing: nobody asks."""


class RateLimits:
    """Tells whether a client may ask now. Any thread may use it.

    Args:
        text: limits such as `10/second;1000/hour`, all of which hold.
        counts: of this server's workers.
        redis_url: where servers count together; while it fails, each counts by itself.
        clock: seconds since the epoch.
    """

    def __init__(
        self, text: str, counts: SharedCounts, *, redis_url: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._limits = sorted(parse_many(text))
        self._own = FixedWindowRateLimiter(SharedStorage(counts))
        self._redis = None if redis_url is None else FixedWindowRateLimiter(_redis_storage(redis_url))
        self._redis_from = 0.0
        self._clock = clock

    def wait_s(self, client: str) -> float | None:
        """Count a request; None: it is let in, else in how many seconds another would be."""
        if self._redis is not None and self._clock() >= self._redis_from:
            try:
                return self._wait_s(self._redis, client)
            except StorageError as error:
                self._redis_from = self._clock() + REDIS_PAUSE_S
                log.error("Redis does not answer, this server counts by itself: %s", type(error.storage_error).__name__)
        return self._wait_s(self._own, client)

    def _wait_s(self, limiter: FixedWindowRateLimiter, client: str) -> float | None:
        for limit in self._limits:
            if not limiter.hit(limit, client):
                return max(0.0, limiter.get_window_stats(limit, client).reset_time - self._clock())
        return None


def _redis_storage(url: str) -> RedisStorage:
    return RedisStorage(
        url,
        key_prefix="opsin",
        wrap_exceptions=True,
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
    )
