"""TLS: sockets that never wait, and a certificate that is followed on disk."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import ssl

import pytest
from certificates import make_certificate

from server.http.tls import CHECK_S, TLS, TLSError


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


@contextlib.contextmanager
def connected(tls, context):
    """Two ends of a connection after the handshake: the server's, which does not wait, and a client's in memory."""
    near, far = socket.socketpair()
    server = tls.wrap(near)
    server.setblocking(False)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    far.setblocking(False)

    def exchange(step):
        """Repeat a step of the client until it is done, and let the server answer meanwhile."""
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                done = None
            if outgoing.pending:
                far.sendall(outgoing.read())
            if done is not None:
                return done
            with contextlib.suppress(BlockingIOError):
                server.recv(1)
            with contextlib.suppress(BlockingIOError):
                incoming.write(far.recv(1 << 20))

    exchange(lambda: client.do_handshake() or True)
    with contextlib.suppress(BlockingIOError):
        server.recv(1)  # the last of the handshake
    with server, far:
        yield server, client, exchange


@pytest.fixture
def context(files):
    return ssl.create_default_context(cafile=str(files[0]))


def test_nothing_that_has_been_decrypted_is_left_where_no_poll_would_tell_of_it(files, context):
    with connected(TLS(*files), context) as (server, client, exchange):
        with pytest.raises(BlockingIOError):
            server.recv(100)
        exchange(lambda: client.write(bytes(range(256)) * 40))
        received = server.recv(100)
        assert received == bytes(range(256)) * 40  # one record: all of it, though less was asked for
        assert server.pending() == 0
        with pytest.raises(BlockingIOError):
            server.recv(100)


def test_many_records_come_in_one_call(files, context):
    with connected(TLS(*files), context) as (server, client, exchange):
        for _ in range(10):
            exchange(lambda: client.write(b"x" * 1000))
        assert server.recv(1 << 20) == b"x" * 10_000


def test_client_that_does_not_read_is_not_waited_for(files, context):
    with connected(TLS(*files), context) as (server, _, _):
        with contextlib.suppress(BlockingIOError):
            while server.send(b"x" * 100_000):
                pass
        with pytest.raises(BlockingIOError):
            server.send(b"x" * 100_000)


def test_end_of_sending_is_said_in_tls_and_what_still_comes_is_dropped_as_it_is(files, context):
    with connected(TLS(*files), context) as (server, client, exchange):
        exchange(lambda: client.write(b"more"))
        server.send(b"answer")
        server.shutdown(socket.SHUT_WR)
        assert exchange(lambda: client.read(100)) == b"answer"
        assert client.read(100) == b""


def test_what_is_no_tls_is_an_error_of_the_connection(files):
    near, far = socket.socketpair()
    far.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    with far, TLS(*files).wrap(near) as server:
        server.setblocking(False)
        with pytest.raises(OSError, match="HTTP_REQUEST") as caught:
            server.recv(100)
        assert not isinstance(caught.value, BlockingIOError)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_newer_versions_are_spoken(files, context, version):
    context.minimum_version = context.maximum_version = version
    with connected(TLS(*files), context) as (server, _, _):
        assert server.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]
        assert server.context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_renewed_certificate_counts_for_new_connections(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    files, clock = make_certificate(tmp_path), Clock()
    tls = TLS(*files, clock=clock)
    old = ssl.create_default_context(cafile=str(files[0]))
    other = make_certificate(tmp_path, "other")
    other[0].replace(files[0])
    clock.now += CHECK_S
    with connected(tls, old):  # the key does not fit yet: the one of before stays
        pass
    other[1].replace(files[1])
    clock.now += CHECK_S
    new = ssl.create_default_context(cafile=str(files[0]))
    with connected(tls, new):
        pass
    assert [record.message for record in caplog.records] == [
        "the certificate of before stays: OPSIN_TLS_CERTIFICATE and OPSIN_TLS_KEY must be PEM files that fit: "
        "key values mismatch",
        "the certificate has changed",
    ]


def test_key_that_all_may_read_is_told_and_one_that_all_may_write_is_not_used(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    (certificate, key), clock = make_certificate(tmp_path), Clock()
    key.chmod(0o640)
    tls = TLS(certificate, key, clock=clock)
    assert tls.warning is None
    key.chmod(0o644)
    told = "every user of this machine may read OPSIN_TLS_KEY, and could pass for this server: chmod o-r"
    assert TLS(certificate, key).warning == told
    certificate.touch()
    clock.now += CHECK_S
    near, far = socket.socketpair()
    with tls.wrap(near), far:
        assert caplog.messages == [f"the certificate has changed; {told}"]
    for file in (certificate, key):
        file.chmod(0o602)
        with pytest.raises(TLSError, match="every user of this machine may write OPSIN_TLS_CERTIFICATE or OPSIN_"):
            TLS(certificate, key)
        file.chmod(0o600)


def test_files_that_cannot_be_used_are_named_by_their_settings(files, tmp_path):
    with pytest.raises(TLSError, match="OPSIN_TLS_CERTIFICATE and OPSIN_TLS_KEY cannot be read: No such file"):
        TLS(tmp_path / "none", files[1])
    (tmp_path / "text").write_text("text")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TLSError, match="must be files, not folders, pipes or devices"):
        TLS(files[0], tmp_path / "pipe")
    with pytest.raises(TLSError, match="OPSIN_TLS_CERTIFICATE and OPSIN_TLS_KEY must be PEM files that fit: "):
        TLS(tmp_path / "text", files[1])
