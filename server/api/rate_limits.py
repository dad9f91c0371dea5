"""How often a client may ask. The limits are those of the library `limits`, in fixed windows.

A window begins with a client's first request and ends when its time is over, so Retry-After says exactly when the next
request is let in. Counts are shared by the workers of a server, or with Redis by many servers.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from limits import RateLimitItem, parse_many
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from server.api.redis_counts import RedisAway, RedisCounts
from server.api.shared_counts import SharedCounts

REFUSED = "refused "  # before the key of a client whom Redis has refused, in this server's own counts


class SharedStorage(Storage):
    """Counts of `limits` in the memory that the workers share."""

    STORAGE_SCHEME = ["opsin-shared"]  # noqa: RUF012 - as the library has it

    def __init__(self, counts: SharedCounts, clock: Callable[[], float]) -> None:
        super().__init__()
        self._counts, self._clock = counts, clock

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
        """Tell when the count begins anew, in seconds since the epoch."""
        return self._clock() + self._counts.expires_in_s(key)

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
        redis: where servers count together; while it is away, each counts by itself.
        note_alone: called for each request that was counted so.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        text: str,
        counts: SharedCounts,
        *,
        redis: RedisCounts | None = None,
        note_alone: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits = sorted(parse_many(text))
        self._counts, self._own = counts, FixedWindowRateLimiter(SharedStorage(counts, clock))
        self._redis, self._note_alone, self._clock = redis, note_alone, clock

    def wait_s(self, client: str) -> float | None:
        """Count a request; None: it is let in, else in how many seconds another would be."""
        if self._redis is None:
            return self._count(self._own, client)
        if (wait_s := self._refused_by_redis_s(client)) is not None:
            return wait_s
        try:
            wait_s = self._redis.ask(lambda limiter: self._count(limiter, client))
        except RedisAway:
            self._note_alone()
            return self._count(self._own, client)
        if wait_s is not None:
            self._counts.add(REFUSED + client, 1, wait_s)
        return wait_s

    def refused_s(self, client: str) -> float | None:
        """Tell from memory, without counting, in how many seconds a client may ask; None: a request is worth a try."""
        if self._redis is not None:
            return self._refused_by_redis_s(client)
        used_up = [limit for limit in self._limits if not self._own.test(limit, client)]
        return self._reset_s(self._own, used_up[0], client) if used_up else None

    def _refused_by_redis_s(self, client: str) -> float | None:
        """Tell how long Redis' last refusal of a client holds: to the end of a window, whatever comes."""
        if not self._counts.count(REFUSED + client):
            return None
        return self._counts.expires_in_s(REFUSED + client)

    def _count(self, limiter: FixedWindowRateLimiter, client: str) -> float | None:
        for limit in self._limits:
            if not limiter.hit(limit, client):
                return self._reset_s(limiter, limit, client)
        return None

    def _reset_s(self, limiter: FixedWindowRateLimiter, limit: RateLimitItem, client: str) -> float:
        return max(0.0, limiter.get_window_stats(limit, client).reset_time - self._clock())
