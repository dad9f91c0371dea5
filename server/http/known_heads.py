"""Remembers heads of requests: a client says the same again and again, but for the length of what it sends.

Gunicorn's grammar is Python, and takes a lone client a thirtieth of its time. What a head means follows from its bytes,
the settings, and whether a trusted proxy sent it; and of the bytes, the digits of its Content-Length stand for
themselves alone. So what has been parsed once need not be parsed again. Only what was found right is remembered.
"""

from __future__ import annotations

import re
import threading
from typing import Any

from server.gunicorn_internals.request import Request, is_trusted_proxy

MAX_HEADS = 64  # of a worker; one that is not remembered is parsed
MAX_BYTES = 2048  # of a head; those of browsers have a thousand
LENGTH_FIELD = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: ?([0-9]{1,15})\r\n")

Key = tuple[bytes, bytes, bool]  # what stands before and behind the digits, and whether a trusted proxy sent it


class KnownHeads:
    """Those of one worker; any thread may ask.

    Args:
        settings: of gunicorn, as `server.gunicorn_internals.request.plain_settings` has them.
    """

    def __init__(self, settings: Any) -> None:
        self._settings = settings
        self._known: dict[Key, Request] = {}  # the one that was learned first is the first
        self._lock = threading.Lock()

    def find(self, head: bytes, address: Any) -> Request | None:
        """Make the request of a whole head, which ends with an empty line; None where it is not known."""
        if len(head) > MAX_BYTES:
            return None
        key, length = self._key_of(head, address)
        known = self._known.get(key)
        return None if known is None else known.again(address, length)

    def learn(self, head: bytes, address: Any, request: Request) -> None:
        """Remember a whole head and what it was parsed to; the one that has been known for longest makes room."""
        if len(head) > MAX_BYTES:
            return
        key, length = self._key_of(head, address)
        with self._lock:
            while len(self._known) >= MAX_HEADS:
                del self._known[next(iter(self._known))]
            self._known[key] = request.again(address, length)

    def _key_of(self, head: bytes, address: Any) -> tuple[Key, str]:
        is_trusted = is_trusted_proxy(self._settings, address)
        found = LENGTH_FIELD.search(head)
        if found is None:
            return (head, b"", is_trusted), ""
        start, end = found.span(1)
        return (head[:start], head[end:], is_trusted), head[start:end].decode()
