"""The certificate of gRPC is followed on disk."""

from __future__ import annotations

import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest

grpc = pytest.importorskip("grpc", reason="grpcio is not installed: requirements/grpc.txt")

from certificates import make_certificate  # noqa: E402
from clock import Clock  # noqa: E402

from server.grpc.credentials import credentials_of  # noqa: E402
from server.http.tls import CHECK_S, TLS  # noqa: E402

pytestmark = pytest.mark.e2e


def test_renewed_certificate_is_shown_to_new_connections(tmp_path):
    files, clock = make_certificate(tmp_path), Clock()
    first, other = files[0].read_text(), make_certificate(tmp_path, "other")
    second = other[0].read_text()
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_secure_port("127.0.0.1:0", credentials_of(TLS(*files, clock=clock)))
    server.start()
    try:
        shown = [ssl.get_server_certificate(("127.0.0.1", port))]
        other[0].replace(files[0])
        other[1].replace(files[1])
        shown.append(ssl.get_server_certificate(("127.0.0.1", port)))  # nobody has looked yet
        clock.now += CHECK_S
        shown.append(ssl.get_server_certificate(("127.0.0.1", port)))
    finally:
        server.stop(None).wait()
    assert [each.strip() for each in shown] == [first.strip(), first.strip(), second.strip()]
