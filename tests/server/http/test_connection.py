"""A connection over a real pair of sockets."""

from __future__ import annotations

import select
import socket
import threading
import time

import pytest
from gunicorn.config import Config

from server.gunicorn_internals.request import plain_settings
from server.http.connection import Connection, ConnectionOver
from server.http.limits import MIN_BYTES_PER_S, RECV_BYTES, SILENT_S, STALLED_S, Limits, UploadBudget

LIMITS = Limits(plain_settings(Config()), 10_000_000, UploadBudget(20_000_000), keepalive_s=70, read_timeout_s=10)
LARGE = bytes(range(256)) * 10_000  # more than a socket takes
REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)
    connection = Connection(ours, ("127.0.0.1", 1), ("127.0.0.1", 2), LIMITS)
    yield connection, theirs
    connection.close()
    theirs.close()


def test_nothing_is_waited_for(pair):
    connection, client = pair
    assert connection.next_request() is None
    client.sendall(REQUEST[:-1])
    assert connection.next_request() is None
    client.sendall(REQUEST[-1:])
    assert connection.next_request().body.read() == b"abc"


def test_time_runs_from_the_first_byte_of_a_request(pair):
    connection, client = pair
    idle_until = connection.deadline
    client.sendall(REQUEST[:5])
    connection.next_request()
    assert connection.deadline < idle_until
    client.sendall(REQUEST[5:])
    connection.next_request()
    connection.finish_request()
    assert connection.deadline >= idle_until


def test_client_that_goes_on_sending_little_gains_no_time(pair):
    connection, client = pair
    deadlines = set()
    for start in range(0, 40, 10):
        client.sendall(REQUEST[start : start + 10])
        assert connection.next_request() is None
        deadlines.add(connection.deadline)
    assert len(deadlines) == 1


def test_deadline_that_has_passed_is_no_concern_of_the_next_request(pair):
    connection, client = pair
    client.sendall(REQUEST)
    assert connection.next_request()
    connection.expire()
    connection.finish_request()
    client.sendall(REQUEST)
    assert connection.next_request().body.read() == b"abc"


def test_large_body_comes_whole(pair):
    connection, client = pair
    body = bytes(range(256)) * 20_000
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    sending = threading.Thread(target=client.sendall, args=(head + body,))
    sending.start()
    while (request := connection.next_request()) is None:
        assert select.select([connection.sock], [], [], 10)[0]
    sending.join()
    assert request.body.read() == body


def test_one_piece_is_taken_in_at_a_time(pair):
    connection, client = pair
    client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + bytes(2 * RECV_BYTES))
    assert connection.next_request() is None
    assert select.select([connection.sock], [], [], 0)[0]


def test_request_that_was_sent_ahead_is_handed_out_though_nothing_comes(pair):
    connection, client = pair
    client.sendall(2 * REQUEST)
    assert connection.next_request()
    connection.finish_request()
    assert connection.has_more
    assert connection.is_slow
    assert connection.next_request()
    connection.finish_request()
    assert not connection.has_more
    assert not connection.is_slow


def test_request_that_was_put_back_is_handed_out_again(pair):
    connection, client = pair
    client.sendall(REQUEST)
    request = connection.next_request()
    connection.put_back(is_slow=True)
    assert (connection.is_slow, connection.has_more) == (True, True)
    assert connection.next_request() is request
    assert not connection.has_more


def test_body_in_many_chunks_takes_several_turns(pair):
    connection, client = pair
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    client.sendall(head + b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n")
    num_turns = 1
    while (request := connection.next_request()) is None:
        assert connection.has_more
        num_turns += 1
    assert num_turns == 4
    assert request.body.read() == b"x" * 1000


def test_client_that_sends_too_little_for_long_is_stalled(pair):
    connection, client = pair
    began = connection.deadline
    assert not connection.is_stalled(began + 100)  # idle
    client.sendall(REQUEST[:-1])
    assert connection.next_request() is None
    assert not connection.is_stalled(connection.heard_at + SILENT_S)
    assert connection.is_stalled(connection.heard_at + SILENT_S + 0.1)
    connection.put_back(is_slow=True)
    assert not connection.is_stalled(connection.heard_at + SILENT_S + 0.1)  # it is our turn


@pytest.mark.parametrize(("bytes_per_s", "is_stalled"), [(MIN_BYTES_PER_S, False), (MIN_BYTES_PER_S // 2, True)])
def test_client_that_sends_little_at_a_time_is_stalled_after_some_seconds(pair, monkeypatch, bytes_per_s, is_stalled):
    connection, client = pair
    client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + bytes(10_000))  # no licence
    assert connection.next_request() is None
    began = connection.heard_at
    for half_seconds in range(1, int(4 * STALLED_S) + 1):
        now = began + half_seconds / 2
        monkeypatch.setattr(time, "monotonic", lambda now=now: now)
        client.sendall(bytes(bytes_per_s // 2))
        assert connection.next_request() is None
    monkeypatch.undo()
    assert connection.is_stalled(began + 2 * STALLED_S + 0.1) == is_stalled


def test_client_that_does_not_take_its_answer_is_stalled(pair):
    connection, client = pair
    connection.sendall(LARGE)
    connection.finish_request()
    assert not connection.is_stalled(connection.heard_at + SILENT_S)
    assert connection.is_stalled(connection.heard_at + SILENT_S + 0.1)
    before = connection.heard_at
    client.recv(1_000_000)
    assert connection.next_request() is None
    assert connection.heard_at > before


def test_whether_there_is_something_to_go_on_with_is_known(pair):
    connection, client = pair
    assert not connection.is_ready()
    client.sendall(b"x")
    assert connection.is_ready()
    connection.sendall(LARGE)
    assert not connection.is_ready()  # what has come waits for what the client does not take
    client.recv(1_000_000)
    assert connection.is_ready()


def test_client_that_leaves_between_requests_is_over(pair):
    connection, client = pair
    client.close()
    with pytest.raises(ConnectionOver):
        connection.next_request()


def test_client_that_ends_within_a_body_has_what_came_answered(pair):
    connection, client = pair
    client.sendall(REQUEST[:-1])
    client.shutdown(socket.SHUT_WR)
    assert connection.next_request() is None
    assert connection.next_request().body.read() == b"ab"


def test_late_body_is_a_timeout_and_late_head_is_over(pair):
    connection, client = pair
    client.sendall(REQUEST[:-1])
    assert connection.next_request() is None
    connection.expire()
    with pytest.raises(TimeoutError):
        connection.next_request().body.read()
    connection.finish_request()
    connection.expire()
    with pytest.raises(ConnectionOver):
        connection.next_request()


def test_request_that_has_come_when_the_time_of_its_connection_is_over_is_not_lost(pair):
    connection, client = pair
    client.sendall(REQUEST[:-1])
    connection.expire()
    assert connection.next_request() is None
    assert not connection.is_late
    client.sendall(REQUEST[-1:])
    assert connection.next_request().body.read() == b"abc"


def test_answer_that_the_client_does_not_take_is_kept_and_no_request_is_handed_out_before_it_has_left(pair):
    connection, client = pair
    connection.sendall(LARGE)
    connection.sendall(b"end")
    client.sendall(REQUEST)
    connection.finish_request()
    received = b""
    while (request := connection.next_request()) is None:
        assert connection.has_unsent
        assert not connection.is_idle
        received += client.recv(1_000_000)
    assert received
    assert request.body.read() == b"abc"
    while len(received) < len(LARGE) + 3:
        received += client.recv(1_000_000)
    assert received == LARGE + b"end"


def test_client_that_never_takes_its_answer_is_let_go(pair):
    connection, client = pair
    connection.sendall(LARGE)
    connection.finish_request()
    connection.expire()
    with pytest.raises(OSError, match="pipe"):
        connection.next_request()
    assert connection.linger()
    assert len(client.recv(len(LARGE))) < len(LARGE)


def test_lingering_begins_when_the_answer_has_left(pair):
    connection, client = pair
    connection.sendall(LARGE)
    num_received = 0
    while not connection.linger():
        num_received += len(data := client.recv(1_000_000))
        if not data:
            client.close()
    assert num_received == len(LARGE)


def test_lingering_lets_the_client_finish_and_read(pair):
    connection, client = pair
    client.sendall(bytes(1000))
    connection.sendall(b"answer")
    assert not connection.linger()
    client.sendall(bytes(1000))
    assert client.recv(100) == b"answer"
    assert client.recv(100) == b""
    client.close()
    assert connection.linger()


def test_lingering_ends_when_the_client_has_sent_enough(pair, monkeypatch):
    monkeypatch.setattr("server.http.connection.MAX_LINGER_BYTES", 1000)
    connection, client = pair
    client.sendall(bytes(999))
    assert not connection.linger()
    client.sendall(bytes(1))
    assert connection.linger()


def test_lingering_takes_turns(pair, monkeypatch):
    monkeypatch.setattr("server.http.connection.MAX_RECV_BYTES", 1000)
    monkeypatch.setattr("server.http.connection.RECV_BYTES", 500)
    connection, client = pair
    client.sendall(bytes(2500))
    client.close()
    assert [connection.linger() for _ in range(3)] == [False, False, True]


def test_lingering_ends_with_the_deadline(pair):
    connection, _ = pair
    assert not connection.linger()
    connection.expire()
    assert connection.linger()
