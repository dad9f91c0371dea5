"""TLS for the connections of a worker: sockets that never wait, and a certificate that is followed on disk."""

from __future__ import annotations

import logging
import socket
import ssl
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

CHECK_S = 10.0  # how often the files are looked at, while there are new connections
WOULD_WAIT = (ssl.SSLWantReadError, ssl.SSLWantWriteError)

log = logging.getLogger("opsin.tls")


class TLSError(Exception):
    """Certificate and key cannot be used; the text is one line and names the settings."""


class TLSSocket(ssl.SSLSocket):
    """A socket whose owner waits for it with epoll, as for one without TLS; the handshake is part of the first read."""

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive what has come, and all that has been decrypted: of that the kernel would not tell anybody.

        Raises:
            BlockingIOError: nothing has come.
        """
        pieces: list[bytes] = []
        while buflen > 0 or self.pending():
            try:
                piece = super().recv(max(buflen, self.pending()), flags)
            except WOULD_WAIT:
                if not pieces:
                    raise BlockingIOError from None
                break
            except OSError:
                if not pieces:
                    raise
                break  # which the next call will meet again
            if not piece:
                break
            pieces.append(piece)
            buflen -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def send(self, data: Any, flags: int = 0) -> int:
        """Send what leaves now; raises BlockingIOError where that is nothing."""
        try:
            return super().send(data, flags)
        except WOULD_WAIT:
            raise BlockingIOError from None

    def shutdown(self, how: int) -> None:
        """Say that no more is sent, to the client's TLS too; what it sends from then on is read as it comes."""
        if how == socket.SHUT_WR:
            with suppress(OSError, ValueError):  # its own goodbye is not waited for; or there has been no handshake
                self.unwrap()
        super().shutdown(how)


class TLS:
    """Wraps the sockets of new connections; not to be called by two threads at once.

    Args:
        certificate: PEM, the server's first, then those that lead to one that clients know.
        key: PEM, not encrypted.
        clock: monotonic, in seconds.

    Attributes:
        warning: what is wrong with the files, although they can be used; None where nothing is.

    Raises:
        TLSError: they cannot be used.
    """

    def __init__(self, certificate: Path, key: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._certificate, self._key, self._clock = certificate, key, clock
        self._seen = self._stamps()
        self.warning = _check_files(certificate, key)
        self._context = _context_of(certificate, key)
        self._next_check = clock() + CHECK_S

    def wrap(self, sock: socket.socket) -> TLSSocket:
        """Take over a new connection's socket; raises OSError where the client has gone."""
        self._follow_files()
        wrapped = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        assert isinstance(wrapped, TLSSocket)  # noqa: S101 - the context's class
        return wrapped

    def _follow_files(self) -> None:
        """Take over a renewed certificate; one that cannot be used leaves the one of before."""
        if self._clock() < self._next_check:
            return
        self._next_check = self._clock() + CHECK_S
        stamps = self._stamps()
        if stamps == self._seen:
            return
        self._seen = stamps
        try:
            self.warning = _check_files(self._certificate, self._key)
            self._context = _context_of(self._certificate, self._key)
        except TLSError as error:
            log.error("the certificate of before stays: %s", error)
        else:
            log.warning("the certificate has changed%s", f"; {self.warning}" if self.warning else "")

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        stamps: list[tuple[int, int, int] | None] = []
        for path in (self._certificate, self._key):
            try:
                status = path.stat()
                stamps.append((status.st_ino, status.st_size, status.st_mtime_ns))
            except OSError:
                stamps.append(None)
        return stamps


def _context_of(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    context.sslsocket_class = TLSSocket
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # else an encrypted key would ask the terminal
    except ssl.SSLError as error:
        reason = (error.reason or "not PEM").lower().replace("_", " ")
        raise TLSError(f"OPSIN_TLS_CERTIFICATE and OPSIN_TLS_KEY must be PEM files that fit: {reason}") from None
    except OSError as error:
        raise TLSError(f"OPSIN_TLS_CERTIFICATE and OPSIN_TLS_KEY cannot be read: {error.strerror}") from None
    return context


def _check_files(certificate: Path, key: Path) -> str | None:
    """Check the files before they are read, and warn of a key that is no secret.

    Raises:
        TLSError: one is no file, and a pipe would be waited for; or everybody here could put another in its place.
    """
    try:
        modes = [path.stat().st_mode for path in (certificate, key)]
    except OSError as error:
        raise TLSError(f"OPSIN_TLS_CERTIFICATE and OPSIN_TLS_KEY cannot be read: {error.strerror}") from None
    if not all(stat.S_ISREG(mode) for mode in modes):
        raise TLSError("OPSIN_TLS_CERTIFICATE and OPSIN_TLS_KEY must be files, not folders, pipes or devices")
    if any(mode & stat.S_IWOTH for mode in modes):
        raise TLSError("every user of this machine may write OPSIN_TLS_CERTIFICATE or OPSIN_TLS_KEY: chmod o-w")
    if modes[1] & stat.S_IROTH:
        return "every user of this machine may read OPSIN_TLS_KEY, and could pass for this server: chmod o-r"
    return None
