"""What the application reads a request's body from (wsgi.input)."""

from __future__ import annotations

from collections.abc import Iterator


class RequestBody:
    """A WSGI input stream, on top of ``read``."""

    is_read = True  # whether what follows on the connection is the next request

    def read(self, size: int = -1) -> bytes | bytearray:
        """Up to ``size`` bytes; none at the end."""
        raise NotImplementedError

    def readline(self, size: int = -1) -> bytes:
        """One line, for completeness: nothing of ours reads lines."""
        line = bytearray()
        while (size < 0 or len(line) < size) and not line.endswith(b"\n") and (character := self.read(1)):
            line += character
        return bytes(line)

    def readlines(self, _hint: int = -1) -> list[bytes]:
        """All lines."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")


class ReceivedBody(RequestBody):
    """A body that is in memory, or what came of it and why no more will come."""

    def __init__(self, content: bytes | bytearray, error: Exception | None = None) -> None:
        self._content = content
        self._position = 0
        self._error = error

    def read(self, size: int = -1) -> bytes | bytearray:
        """See RequestBody; nothing is copied where the whole is asked for."""
        if self._error:
            raise self._error
        start, end = self._position, len(self._content)
        if size >= 0:
            end = min(end, start + size)
        self._position = end
        return self._content if end - start == len(self._content) else self._content[start:end]
