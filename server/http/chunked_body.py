"""Decodes a chunked body (RFC 9112, section 7.1) from the bytes that come, in whatever pieces.

What may follow a chunk's size, and stand in the trailer, is gunicorn's to say. Nothing is read leniently: where a proxy
in front reads it otherwise, a request could hide in the difference.
"""

from __future__ import annotations

import re
from collections.abc import Generator

from server.gunicorn_internals.request import CHUNK_EXTENSIONS, Request
from server.http.limits import CHUNKS_PER_TURN, MAX_LINE_BYTES, MAX_TRAILER_BYTES
from server.request_errors import MalformedRequest, UploadTooLarge

SHOWN_BYTES = 40  # in a message
CRLF = b"\r\n"

SIZE_LINE = re.compile(rb"([0-9A-Fa-f]+)" + CHUNK_EXTENSIONS + CRLF)


class ChunkedBody:
    """The body of one request.

    Attributes:
        num_missing: at least so many bytes of it are still to come; 0 when it is whole.
        is_paused: whether there is more to decode of what came, once others have had their turn: ``feed`` goes on.
        rest: what came and is not decoded; of a whole body, what follows it.
    """

    def __init__(self, request: Request, max_bytes: int) -> None:
        """Begin one; raises MalformedRequest where it is not only chunked."""
        codings = [value.lower() for name, value in request.headers if name == "TRANSFER-ENCODING"]
        if codings != ["chunked"]:
            raise MalformedRequest(f"Unsupported transfer coding: {', '.join(codings)!r}", 501)
        self.num_missing = 1
        self.is_paused = False
        self.rest = b""
        self._request, self._max_bytes = request, max_bytes
        self._position = 0
        self._pieces: list[bytes] = []
        self._decoding = self._decode()

    def feed(self, received: bytes) -> bytes:
        """Take in what has come; gives the data in it.

        Raises:
            MalformedRequest: it is no chunked body.
            UploadTooLarge: its chunks have more than ``max_bytes``.
        """
        self.rest += received
        self.is_paused = False
        self.num_missing = next(self._decoding, 0)
        self.rest, self._position = self.rest[self._position :], 0
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data

    def _decode(self) -> Generator[int, None, None]:
        """Decode what has come; gives how many bytes it waits for."""
        num_bytes = num_chunks = 0
        while True:
            num_chunks += 1
            if num_chunks % CHUNKS_PER_TURN == 0:
                self.is_paused = True
                yield 1
            line = yield from self._line()
            if (match := SIZE_LINE.fullmatch(line)) is None:
                raise MalformedRequest(f"Invalid chunk size: {line[:SHOWN_BYTES]!r}")
            if not (size := int(match[1], 16)):
                break
            num_bytes += size
            if num_bytes > self._max_bytes:
                raise UploadTooLarge(f"the request body may have at most {self._max_bytes} bytes, it has more")
            while size:
                piece = self.rest[self._position : self._position + size]
                self._pieces.append(piece)
                self._position += len(piece)
                size -= len(piece)
                if size:
                    yield size
            if (line := (yield from self._line())) != CRLF:
                raise MalformedRequest(f"Invalid chunk terminator is not '\\r\\n': {line[: len(CRLF)]!r}")
        trailer = b""
        while (line := (yield from self._line())) != CRLF:
            trailer += line
            if len(trailer) >= MAX_TRAILER_BYTES:
                raise MalformedRequest("the trailer is too large", 431)
        if trailer:
            self._request.check_trailer(trailer.removesuffix(CRLF))

    def _line(self) -> Generator[int, None, bytes]:
        """Read a line with its end; one that has none, or is too long, is cut, which is nowhere allowed."""
        while not (end := self.rest.find(b"\n", self._position, self._position + MAX_LINE_BYTES) + 1):
            if len(self.rest) - self._position >= MAX_LINE_BYTES:
                end = self._position + MAX_LINE_BYTES
                break
            yield 1
        line, self._position = self.rest[self._position : end], end
        return line
