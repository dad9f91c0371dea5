"""A client that has ended its sending, and one that has gone."""

from __future__ import annotations

import socket

import pytest

from server.http.client_presence import PROBE, has_hung_up, still_listens


@pytest.fixture
def pair():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    yield ours, client
    ours.close()
    client.close()


def test_client_that_has_merely_ended_its_sending_still_listens(pair):
    ours, client = pair
    client.shutdown(socket.SHUT_WR)
    assert still_listens(ours, "HTTP/1.1")
    assert client.recv(100) == PROBE


def test_client_that_closed_has_gone(pair):
    ours, client = pair
    client.close()
    assert not still_listens(ours, "HTTP/1.1")
    assert not still_listens(ours, "HTTP/1.1")


def test_client_that_sends_more_has_not_hung_up_until_it_ends_its_sending(pair):
    ours, client = pair
    assert not has_hung_up(ours.fileno())
    client.sendall(b"more")
    assert not has_hung_up(ours.fileno())
    client.shutdown(socket.SHUT_WR)
    assert has_hung_up(ours.fileno())


def test_old_client_is_not_asked(pair):
    ours, client = pair
    assert still_listens(ours, "HTTP/1.0")
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(100)
