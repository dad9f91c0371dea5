"""A server's socket that speaks TLS, and never waits: its owner waits for it with epoll, as for one without.

OpenSSL is given what has come in pieces. Were it to read the socket itself, it would go on for as long as a client
sends what is no data, such as new keys without end (KeyUpdate, RFC 8446, section 4.6.3), and keep a thread meanwhile.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import Any

RECORD_BYTES = 16 * 1024 + 256 + 5  # of a whole one at most (RFC 8446, section 5.2)
# Of a connection that come without a byte of data among them; a handshake takes a few kilobytes.
MAX_IDLE_BYTES = 2 * RECORD_BYTES
SEND_BYTES = 64 * 1024  # at a time


class TLSSocket:
    """See the module. Of a socket it has what a connection uses; the handshake is part of the first reads.

    Args:
        sock: of a new connection; closed with this one.
        context: of the server.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._encrypted = b""  # what is to be sent
        self._num_taken = 0  # bytes of data that it has, and that nobody has been told of
        self._num_idle_bytes = 0
        self._is_ended = False  # by us: then what comes is not looked at
        self._is_over = False  # by the client

    def recv(self, size: int) -> bytes:
        """Receive at least what the next call of `recv` would not hear of from the kernel; empty at the end.

        Args:
            size: about so many bytes are taken in.

        Raises:
            BlockingIOError: no data has come.
            OSError: what came is no TLS, or none of it data.
        """
        pieces: list[bytes] = []
        num_received = 0
        while num_received < size and not self._is_over:
            try:
                received = self._sock.recv(RECORD_BYTES)
            except BlockingIOError:
                break
            if self._is_ended:
                return received
            data = self._decrypt(received)
            pieces.append(data)
            num_received += len(received)
            self._is_over |= not received
            self._num_idle_bytes = 0 if data else self._num_idle_bytes + len(received)
            if self._num_idle_bytes > MAX_IDLE_BYTES:
                raise OSError("the client sends what is no data")
        if not any(pieces) and not self._is_over:
            raise BlockingIOError
        return b"".join(pieces)

    def send(self, data: Any) -> int:
        """Send data; gives how many bytes of it have left.

        Raises:
            BlockingIOError: not all of a piece has; to be called again with the same data, which may go on longer.
        """
        if not self._num_taken:
            with memoryview(data) as view, view[:SEND_BYTES] as piece:
                self._num_taken = self._tls.write(piece)
        self._flush()
        num_taken, self._num_taken = self._num_taken, 0
        return num_taken

    def shutdown(self, how: int) -> None:
        """Say that no more is sent, to the client's TLS too, whose own goodbye is not waited for."""
        if how == socket.SHUT_WR and not self._is_ended:
            self._is_ended = True
            with suppress(OSError, ValueError):  # it waits for that, or there has been no handshake
                self._tls.unwrap()
            with suppress(OSError):
                self._flush()
        self._sock.shutdown(how)

    def setblocking(self, flag: bool) -> None:
        """Never wait: this one cannot."""
        self._sock.setblocking(flag)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._sock.fileno()

    def close(self) -> None:
        """Close it; a second call does nothing."""
        self._sock.close()

    def _decrypt(self, received: bytes) -> bytes:
        """Give the data in what has come; answers what is asked of TLS itself."""
        self._incoming.write(received)
        pieces: list[bytes] = []
        try:
            while piece := self._tls.read(RECORD_BYTES):
                pieces.append(piece)
            self._is_over = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._is_over = True
        finally:
            with suppress(BlockingIOError):
                self._flush()
        return b"".join(pieces)

    def _flush(self) -> None:
        """Send what is encrypted; raises BlockingIOError where not all of it leaves."""
        self._encrypted += self._outgoing.read()
        while self._encrypted:
            self._encrypted = self._encrypted[self._sock.send(self._encrypted) :]
