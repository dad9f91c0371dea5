"""TLS for the connections of a worker, with a certificate that is followed on disk."""

from __future__ import annotations

import logging
import socket
import ssl
import stat
import time
from collections.abc import Callable
from pathlib import Path

from server.http.tls_socket import TLSSocket

CHECK_S = 10.0  # how often the files are looked at, while there are new connections

log = logging.getLogger("opsin.tls")


class TLSError(Exception):
    """Certificate and key cannot be used; the text is one line and names the settings."""


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
        """Take over a new connection's socket."""
        self.follow_files()
        return TLSSocket(sock, self._context)

    def key_and_certificate(self) -> tuple[bytes, bytes]:
        """Read the files as they are now."""
        return self._key.read_bytes(), self._certificate.read_bytes()

    def follow_files(self) -> bool:
        """Take over a renewed certificate, and tell whether there was one; one that cannot be used changes nothing."""
        if self._clock() < self._next_check:
            return False
        self._next_check = self._clock() + CHECK_S
        stamps = self._stamps()
        if stamps == self._seen:
            return False
        self._seen = stamps
        try:
            self.warning = _check_files(self._certificate, self._key)
            self._context = _context_of(self._certificate, self._key)
        except TLSError as error:
            log.error("the certificate of before stays: %s", error)
            return False
        log.warning("the certificate has changed%s", f"; {self.warning}" if self.warning else "")
        return True

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
