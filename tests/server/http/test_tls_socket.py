"""Sockets that speak TLS and never wait."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import socket
import ssl
import threading

import pytest
from certificates import make_certificate
from tls_ends import connected

from server.http.tls import TLS
from server.http.tls_socket import MAX_IDLE_BYTES, RECORD_BYTES


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


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
    with far, near:
        server = TLS(*files).wrap(near)
        server.setblocking(False)
        with pytest.raises(OSError, match="HTTP_REQUEST") as caught:
            server.recv(100)
        assert not isinstance(caught.value, BlockingIOError)


def test_data_that_the_client_takes_late_comes_whole_and_once(files, context):
    large = bytes(range(256)) * 10_000
    with connected(TLS(*files), context) as (server, client, exchange):
        left, received = large, b""
        while left:
            with contextlib.suppress(BlockingIOError):
                while left:
                    left = left[server.send(left) :]
            with contextlib.suppress(BlockingIOError):
                server.send(left or b"end")
            received += exchange(lambda: client.read(1 << 20))
        while not received.endswith(b"end"):
            received += exchange(lambda: client.read(1 << 20))
        assert received == large + b"end"


def test_clients_goodbye_is_the_end(files, context):
    with connected(TLS(*files), context) as (server, client, exchange):
        exchange(lambda: client.write(b"last"))
        with contextlib.suppress(ssl.SSLWantReadError):
            client.unwrap()
        exchange(lambda: True)
        assert [server.recv(100), server.recv(100)] == [b"last", b""]


def test_handshake_that_goes_on_and_on_is_an_error_of_the_connection(files):
    near, far = socket.socketpair()
    record = bytes(16_000)
    with near, far:
        server = TLS(*files).wrap(near)
        server.setblocking(False)
        far.sendall(b"\x16\x03\x01%b\x01\x01\xff\xff" % (len(record) + 4).to_bytes(2) + record)  # 128 kB to come
        for _ in range(MAX_IDLE_BYTES // len(record)):
            with contextlib.suppress(BlockingIOError):
                assert not server.recv(RECORD_BYTES)
            far.sendall(b"\x16\x03\x01%b" % len(record).to_bytes(2) + record)
        with pytest.raises(OSError, match="sends what is no data"):
            server.recv(1 << 20)


def test_new_keys_without_end_keep_nobody(files):
    library = ctypes.util.find_library("ssl")
    if library is None:
        pytest.skip("no libssl that Python can load")
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        server = TLS(*files).wrap(near)
        flood = threading.Thread(target=update_keys, args=(ctypes.CDLL(library), far.fileno()))
        flood.start()
        try:
            with pytest.raises(OSError, match="sends what is no data"):
                receive_for_ever(server)
        finally:
            near.close()
            flood.join()


def receive_for_ever(server):
    while True:
        with contextlib.suppress(BlockingIOError):
            server.recv(1 << 20)


def update_keys(openssl, fd):
    """Send new keys (RFC 8446, section 4.6.3) for as long as they are taken."""
    openssl.TLS_client_method.restype = openssl.SSL_CTX_new.restype = openssl.SSL_new.restype = ctypes.c_void_p
    context = ctypes.c_void_p(openssl.SSL_CTX_new(ctypes.c_void_p(openssl.TLS_client_method())))
    connection = ctypes.c_void_p(openssl.SSL_new(context))
    openssl.SSL_set_fd(connection, fd)
    if openssl.SSL_connect(connection) == 1:
        while openssl.SSL_key_update(connection, 0) == 1 and openssl.SSL_do_handshake(connection) == 1:
            pass
    openssl.SSL_free(connection)
    openssl.SSL_CTX_free(context)
