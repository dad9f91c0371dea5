"""What the application reads a request's body from (wsgi.input)."""

from __future__ import annotations


class RequestBody:
    """A body that is in memory, or what came of it and why no more will come.

    Of a WSGI input stream it is what our application uses: nothing of ours reads lines.
    """

    def __init__(self, content: bytes | bytearray, error: Exception | None = None) -> None:
        self._content = content
        self._position = 0
        self._error = error

    def read(self, size: int = -1) -> bytes | bytearray:
        """Up to ``size`` bytes; none at the end; nothing is copied where the whole is asked for."""
        if self._error:
            raise self._error
        start, end = self._position, len(self._content)
        if size >= 0:
            end = min(end, start + size)
        self._position = end
        return self._content if end - start == len(self._content) else self._content[start:end]
