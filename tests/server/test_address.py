"""Opening the port, and saying clearly why it cannot be."""

from __future__ import annotations

import socket

import pytest

from server.address import SEND_BUFFER_BYTES, AddressError, ReservedPort, is_loopback, open_listener, url_of


def test_free_port_is_taken_and_listened_on():
    with open_listener("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert port > 0
        with pytest.raises(AddressError, match=f"http://127.0.0.1:{port}: the port is in use; set OPSIN_PORT"):
            open_listener("127.0.0.1", port)


def test_response_that_nobody_takes_has_a_bounded_buffer():
    with open_listener("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:  # Linux doubles what it is told
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * SEND_BUFFER_BYTES


def test_address_of_another_machine_is_refused():
    with pytest.raises(AddressError, match="set OPSIN_HOST to"):
        open_listener("192.0.2.1", 0)


def test_name_that_is_none_is_refused():
    with pytest.raises(AddressError, match=r"OPSIN_HOST 'no-such-host\.invalid' cannot be resolved"):
        open_listener("no-such-host.invalid", 5000)


@pytest.mark.parametrize("host", ["a" * 64, "a..a"])
def test_name_that_cannot_be_one_is_refused(host):
    with pytest.raises(AddressError, match=r"OPSIN_HOST '[a.]+' has a label that is empty or too long"):
        open_listener(host, 5000)


def test_urls_are_written_as_clients_type_them():
    assert url_of("127.0.0.1", 5000) == "http://127.0.0.1:5000"
    assert url_of("::1", 5000) == "http://[::1]:5000"
    assert url_of("127.0.0.1", 5000, is_tls=True) == "https://127.0.0.1:5000"


def test_reserved_port_is_free_for_those_that_share_it_alone():
    port = ReservedPort("127.0.0.1", 0)
    host, _, number = port.address.rpartition(":")
    assert (host, port.url) == ("127.0.0.1", port.address)
    with socket.socket() as shared, socket.socket() as other:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind((host, int(number)))
        shared.listen()
        with pytest.raises(OSError, match="in use"):
            other.bind((host, int(number)))
    with pytest.raises(AddressError, match="for gRPC: the port is in use; set OPSIN_GRPC_PORT to another"):
        ReservedPort(host, int(number))
    port.close()
    ReservedPort(host, int(number)).close()


def test_reserved_port_of_ipv6_is_written_in_brackets():
    port = ReservedPort("::1", 0)
    assert port.address.startswith("[::1]:")
    port.close()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("127.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),  # noqa: S104 - what must not be taken for it
        ("0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("fe80::1%lo", False),
    ],
)
def test_loopback_is_told_by_the_address_that_is_listened_on(host, expected):
    assert is_loopback(host) is expected
