"""The certificate that gRPC shows, followed on disk as that of HTTP is."""

from __future__ import annotations

import threading
from typing import Any

import grpc

from server.http.tls import TLS


def credentials_of(tls: TLS) -> grpc.ServerCredentials:
    """Make credentials that take a renewed certificate over with the next connection."""
    lock = threading.Lock()

    def renewed() -> Any:
        with lock:
            return _configuration(tls) if tls.follow_files() else None

    return grpc.dynamic_ssl_server_credentials(_configuration(tls), renewed)


def _configuration(tls: TLS) -> Any:
    return grpc.ssl_server_certificate_configuration([tls.key_and_certificate()])
