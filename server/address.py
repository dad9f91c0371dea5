"""Opens the address that the server listens on, before it forks: a port in use is one clear line."""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Any

# A response that a client does not take: so much of it waits in the kernel, and the rest here. More would help those
# alone that read megabytes from far away, and a thousand clients that do not read would take gigabytes.
SEND_BUFFER_BYTES = 256 * 1024
BACKLOG = 2048  # the kernel caps it at net.core.somaxconn
PRIVILEGED_PORT = "ports below 1024 need privileges; set OPSIN_PORT to a higher one"
ADVICE = {
    errno.EADDRINUSE: "the port is in use; set OPSIN_PORT to another",
    errno.EACCES: PRIVILEGED_PORT,
    errno.EPERM: PRIVILEGED_PORT,
    errno.EADDRNOTAVAIL: "this machine does not have that address; set OPSIN_HOST to 127.0.0.1 or 0.0.0.0",
}


class AddressError(Exception):
    """The address cannot be listened on; the text is one line and says what to change."""


def open_listener(host: str, port: int, *, is_tls: bool = False) -> socket.socket:
    """Listen on a TCP port; port 0 takes a free one.

    Raises:
        AddressError: the port is in use, or not allowed, or the host is no name or not this machine's.
    """
    family, address = _resolve(host, port)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # connections inherit it
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        reason = ADVICE.get(error.errno or 0, error.strerror)
        raise AddressError(f"cannot listen at {url_of(host, port, is_tls=is_tls)}: {reason}") from None
    return listener


class ReservedPort:
    """A port that nobody else can take, on which processes of the same user may listen with SO_REUSEPORT.

    Attributes:
        address: host and port, numbers both, as gRPC takes them.
        url: as a client types it.
    """

    def __init__(self, host: str, port: int) -> None:
        """Take the port, or for port 0 a free one; raises AddressError as `open_listener`."""
        family, address = _resolve(host, port)
        probe, self._socket = (socket.socket(family, socket.SOCK_STREAM) for _ in range(2))
        try:
            # It finds who listens there with SO_REUSEPORT too, as another server of ours does.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            taken = probe.getsockname()
            probe.close()
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._socket.bind(taken)
        except OSError as error:
            self.close()
            reason = ADVICE.get(error.errno or 0, error.strerror or "").replace("OPSIN_PORT", "OPSIN_GRPC_PORT")
            raise AddressError(f"cannot listen at {_joined(host, port)} for gRPC: {reason}") from None
        finally:
            probe.close()
        self.address, self.url = _joined(taken[0], taken[1]), _joined(host, taken[1])

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a server that listens there; raises AddressError as `open_listener`."""
    _, address = _resolve(host, 0)
    return ipaddress.ip_address(address[0].partition("%")[0]).is_loopback


def url_of(host: str, port: int, *, is_tls: bool = False) -> str:
    """Write the address as a client types it."""
    scheme = "https" if is_tls else "http"
    return f"{scheme}://{_joined(host, port)}"


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )[0]
    except OSError as error:
        raise AddressError(f"OPSIN_HOST {host!r} cannot be resolved: {error.strerror}") from None
    except UnicodeError:
        raise AddressError(f"OPSIN_HOST {host!r} has a label that is empty or too long") from None
    return family, address
