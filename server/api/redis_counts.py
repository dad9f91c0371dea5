"""Counts that many servers keep together in Redis, which may hang, break and come back: no request waits long for it.

A request waits for its answer a fixed time, whatever the answer hangs in: a name that nobody resolves, a connection, a
byte that does not come. From the first failure on nobody asks any more, until one thread, which lives so long, has seen
it count again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter

TIMEOUT_S = 0.25  # of a request, which waits for it
MAX_CALLS = 32  # at once
PROBE_S = 1.0  # how often Redis is tried again
PROBE_KEY, PROBE_EXPIRY_S = "probe", 60

log = logging.getLogger("opsin.limits")


class RedisAway(Exception):
    """Redis does not answer, or not with a count."""


class RedisCounts:
    """Any thread may ask. To be made in the worker: its threads are not inherited.

    Args:
        url: of Redis.
        timeout_s: how long a request may wait.
        probe_s: how often Redis is tried again when it has failed.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S, probe_s: float = PROBE_S) -> None:
        self._storage = RedisStorage(
            url, key_prefix="opsin", socket_timeout=timeout_s, socket_connect_timeout=timeout_s
        )
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._threads = ThreadPoolExecutor(MAX_CALLS, thread_name_prefix="opsin-redis")
        self._timeout_s, self._probe_s = timeout_s, probe_s
        self._is_away = False
        self._is_closed = threading.Event()
        self._lock = threading.Lock()

    def ask(self, question: Callable[[FixedWindowRateLimiter], float | None]) -> float | None:
        """Give the answer to a question that counts in Redis; raises RedisAway where there is none in time."""
        if self._is_away:
            raise RedisAway
        future = None
        try:
            future = self._threads.submit(question, self._limiter)
            return future.result(self._timeout_s)
        except Exception as error:  # of redis, of its parser, of the system, or TimeoutError: there is no answer
            if future is not None:
                future.cancel()
            self._note_failure(error)
            raise RedisAway from error

    def _note_failure(self, error: Exception) -> None:
        """Ask no more, and say so once; the exception may hold the password, its name does not."""
        with self._lock:
            if self._is_away:
                return
            self._is_away = True
        log.error("Redis does not answer, this server counts by itself: %s", type(error).__name__)
        try:
            threading.Thread(target=self._wait_until_back, name="opsin-redis-probe", daemon=True).start()
        except RuntimeError:  # the system allows no more threads for now: then the next request tries again
            self._is_away = False

    def close(self) -> None:
        """End the threads, and the connections; a process that ends needs nobody to."""
        self._is_closed.set()
        self._storage.storage.connection_pool.disconnect()
        self._threads.shutdown()

    def _wait_until_back(self) -> None:
        while self._is_away and not self._is_closed.wait(self._probe_s):
            try:
                self._storage.storage.connection_pool.disconnect()  # what hangs in them fails, and ends
                self._storage.incr(PROBE_KEY, PROBE_EXPIRY_S)
            except Exception as error:  # noqa: BLE001 - as above
                log.debug("Redis does not answer yet: %s", type(error).__name__)
            else:
                self._is_away = False
                log.warning("Redis answers again, servers count together")
