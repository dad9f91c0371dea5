"""``python -m server.healthcheck``: ask the server of this container whether it is ready; exit status 0 if it is.

A container's health is asked every few seconds: this imports next to nothing and takes a few milliseconds.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping

TIMEOUT_S = 2.0
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", "5000"  # of the settings, which would import NumPy
EVERY_INTERFACE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask, not to listen


def is_ready(environ: Mapping[str, str]) -> bool:
    """Tell whether `GET /readyz` is answered 200 at the address of the settings."""
    host = environ.get("OPSIN_HOST", "").strip() or DEFAULT_HOST
    port = environ.get("OPSIN_PORT", "").strip()
    if not port or port.startswith("tcp://"):  # not set, or set by Kubernetes
        port = DEFAULT_PORT
    try:
        opened = socket.create_connection((EVERY_INTERFACE.get(host, host), int(port)), timeout=TIMEOUT_S)
        with _encrypted(opened) if environ.get("OPSIN_TLS_CERTIFICATE", "").strip() else opened as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            status_line = connection.makefile("rb").readline()
    except (OSError, ValueError):
        return False
    return status_line.split()[1:2] == [b"200"]


def _encrypted(opened: socket.socket) -> socket.socket:
    """Speak TLS with a server of this machine, whatever name its certificate is for."""
    import ssl  # some 20 ms, for those alone who use it

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(opened)


if __name__ == "__main__":
    sys.exit(0 if is_ready(os.environ) else 1)
