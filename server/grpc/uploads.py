"""Receives messages within bounds: how many are on their way at once, and how many bytes of them are in hand.

gRPC tells of a message when it has come whole, and until then keeps what has come. So a message is asked for only where
there is room for the largest, one after the other; whoever waits for its turn is kept waiting by gRPC's flow control,
with 64 KB in memory. Where others wait, a message that comes slowly is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from grpc.aio import EOF

from server.http.limits import UploadBudget
from server.request_errors import IncompleteUpload, Overloaded, UploadTimeout

SLOW_S = 1.0  # that a message may take where others wait for its place


def max_messages(max_in_hand_bytes: int, max_bytes: int) -> int:
    """Tell how many messages may be on their way at once: one at least."""
    return max(1, max_in_hand_bytes // max_bytes)


class Uploads:
    """The messages of all calls of a process; to be used by one event loop.

    Args:
        max_in_hand_bytes: of messages that have come, until they are answered; as much for those on their way.
        max_bytes: of one message.
        read_timeout_s: how long one may take to come.
    """

    def __init__(self, *, max_in_hand_bytes: int, max_bytes: int, read_timeout_s: float) -> None:
        self._read_timeout_s = read_timeout_s
        self._turns = asyncio.Semaphore(max_messages(max_in_hand_bytes, max_bytes))
        self._budget = UploadBudget(max(max_in_hand_bytes, max_bytes))
        self._coming: dict[
            asyncio.Timeout, float
        ] = {}  # since when, the first one first; without those that are hurried

    async def receive(self, context: Any) -> bytes:
        """Receive the one message of a call.

        Raises:
            IncompleteUpload: it did not come.
            UploadTimeout: it took too long.
            Overloaded: it came slowly, and others waited.
        """
        if self._turns.locked():
            self._hurry()
        async with self._turns:
            try:
                async with asyncio.timeout(self._read_timeout_s) as limit:
                    self._coming[limit] = asyncio.get_running_loop().time()
                    content = await context.read()
            except TimeoutError:
                if limit not in self._coming:
                    raise Overloaded("the message came slowly, and others wait; try again later", wait_s=1) from None
                raise UploadTimeout(f"the message did not come within {self._read_timeout_s:g} s") from None
            finally:
                self._coming.pop(limit, None)
        if content is EOF:
            raise IncompleteUpload("the call ended without a message")
        return bytes(content)

    @asynccontextmanager
    async def in_hand(self, content: bytes) -> AsyncIterator[None]:
        """Count a message that has come for as long as it is needed; raises Overloaded where they are too many."""
        if not self._budget.take(len(content)):
            raise Overloaded("too many uploads are in hand, try again later", wait_s=1)
        try:
            yield
        finally:
            self._budget.give_back(len(content))

    def _hurry(self) -> None:
        """Have one more of the messages on their way, the first to begin, come soon or never."""
        if self._coming:
            limit, since = next(iter(self._coming.items()))
            del self._coming[limit]
            limit.reschedule(max(since + SLOW_S, asyncio.get_running_loop().time()))
