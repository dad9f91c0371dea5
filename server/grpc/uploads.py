"""Receives messages, and bounds the memory that they take: those on their way, and those in hand.

gRPC tells of a message when it has come whole, and until then keeps what has come. So nobody knows how much is on its
way in all, but by what this process takes: past its limit, messages on their way are given up, the first one first.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from grpc.aio import EOF

from server.grpc.parsing import parse
from server.http.limits import UploadBudget
from server.memory import trim
from server.request_errors import IncompleteUpload, Overloaded, UploadTimeout

LOOK_AGAIN_S = 0.02  # while messages are on their way; a network of 10 Gbit/s brings 25 MB meanwhile
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def own_bytes() -> int:
    """Tell how much memory this process takes, but for what it shares with others (proc_pid_statm(5))."""
    with open("/proc/self/statm", "rb", buffering=0) as file:  # noqa: PTH123 - in 10 microseconds
        _, resident, shared, *_ = file.read().split()
    return (int(resident) - int(shared)) * PAGE_BYTES


class Uploads:
    """The messages of all calls of a process; to be used by one event loop.

    Args:
        max_in_hand_bytes: of messages that have come, until they are answered.
        max_own_bytes: of this process; past that, messages on their way are given up.
        read_timeout_s: how long the message of a call may take to come.
        own_bytes: tells how much memory this process takes.
    """

    def __init__(
        self,
        *,
        max_in_hand_bytes: int,
        max_own_bytes: int,
        read_timeout_s: float,
        own_bytes: Callable[[], int] = own_bytes,
    ) -> None:
        self._max_own_bytes, self._own_bytes = max_own_bytes, own_bytes
        self._read_timeout_s = read_timeout_s
        self._budget = UploadBudget(max_in_hand_bytes)
        self._coming: dict[asyncio.Timeout, None] = {}  # the first to begin first
        self._is_watched = False

    async def receive(self, context: Any) -> bytes:
        """Receive the one message of a call.

        Raises:
            IncompleteUpload: it did not come.
            UploadTimeout: it took too long.
            Overloaded: it was given up.
        """
        try:
            content = await self.receive_next(context, timeout_s=self._read_timeout_s)
        except TimeoutError:
            raise UploadTimeout(f"the message did not come within {self._read_timeout_s:g} s") from None
        if content is None:
            raise IncompleteUpload("the call ended without a message")
        return content

    async def receive_message(self, context: Any, name: str) -> Any:
        """Receive the one message of a call, of the class of that name; raises RequestError where it is another."""
        return parse(await self.receive(context), name)

    async def receive_next(self, context: Any, *, timeout_s: float | None = None) -> bytes | None:
        """Receive the next message of a stream; None: there is none. Raises TimeoutError, Overloaded as `receive`."""
        limit = asyncio.timeout(timeout_s)
        try:
            async with limit:
                self._coming[limit] = None
                self._watch()
                content = await context.read()
        except TimeoutError:
            if limit in self._coming:
                raise
            raise Overloaded("too much is on its way to this server, try again later", wait_s=1) from None
        finally:
            self._coming.pop(limit, None)
        return None if content is EOF else content

    @asynccontextmanager
    async def in_hand(self, content: bytes) -> AsyncIterator[None]:
        """Count a message that has come for as long as it is needed; raises Overloaded where they are too many."""
        num_bytes = len(content)
        del content
        if not self._budget.take(num_bytes):
            raise Overloaded("too many uploads are in hand, try again later", wait_s=1)
        try:
            yield
        finally:
            self._budget.give_back(num_bytes)

    def _watch(self) -> None:
        if not self._is_watched:
            self._is_watched = True
            asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._look)

    def _look(self) -> None:
        """Give up half of what is on its way, where this process takes too much."""
        if self._own_bytes() > self._max_own_bytes:
            trim()  # what was given up before may still be the C library's
            if self._own_bytes() > self._max_own_bytes:
                for limit in list(self._coming)[: (len(self._coming) + 1) // 2]:
                    del self._coming[limit]
                    limit.reschedule(asyncio.get_running_loop().time())
        self._is_watched = False
        if self._coming:
            self._watch()
