"""The thread that leads where requests are brief: it answers without promoting another, for a turn."""

from __future__ import annotations

import select
import threading


def echo(connection, _thread):
    connection.sock.send(connection.sock.recv(100))
    return True


def test_leader_of_brief_requests_serves_them_all(watched):
    by_whom = set()

    def serve(connection, thread):
        assert thread.has_turn
        by_whom.add(threading.get_ident())
        return echo(connection, thread)

    _, clients = watched(serve, 6, max_busy=4, is_brief=lambda: True)
    for client in clients:  # one of the two leaders steps down after the first
        client.send(b"x")
        assert client.recv(100) == b"x"
    by_whom.clear()
    for _ in range(3):
        for client in clients:
            client.send(b"x")
        for client in clients:
            assert client.recv(100) == b"x"
    assert len(by_whom) == 1


def test_another_thread_leads_where_a_turn_lasts_too_long(watched):
    may_go_on = threading.Event()

    def serve(connection, thread):
        if connection.sock.recv(100) == b"long":
            may_go_on.wait(10)
            assert thread.begin_busy()  # it is already
            thread.end_busy()
        connection.sock.send(b"done")
        return True

    threads, (long, other) = watched(serve, 2, max_busy=4, is_brief=lambda: True)
    for _ in range(2):  # both leaders have had a turn, and one has stepped down
        other.send(b"x")
        assert other.recv(100) == b"done"
    long.send(b"long")
    assert select.select([threads.long_turns_fd], [], [], 10)[0]
    threads.end_long_turns()
    other.send(b"x")
    assert other.recv(100) == b"done"
    may_go_on.set()
    assert long.recv(100) == b"done"


def test_turn_is_passed_on_before_its_thread_waits(watched):
    may_go_on = threading.Event()

    def serve(connection, thread):
        if connection.sock.recv(100) == b"wait":
            assert thread.begin_busy()
            may_go_on.wait(10)
            thread.end_busy()
        connection.sock.send(b"done")
        return True

    _, (waiting, other) = watched(serve, 2, max_busy=4, is_brief=lambda: True)
    waiting.send(b"wait")
    for _ in range(3):
        other.send(b"x")
        assert other.recv(100) == b"done"
    may_go_on.set()
    assert waiting.recv(100) == b"done"


def test_nobody_has_a_turn_where_all_connections_together_would_wait_for_long(watched, monkeypatch):
    monkeypatch.setattr("server.http.threads.MAX_BACKLOG_S", 0.0)
    had_turns = []

    def serve(connection, thread):
        had_turns.append(thread.has_turn)
        return echo(connection, thread)

    _, clients = watched(serve, 2, max_busy=4, is_brief=lambda: True)
    for client in clients:
        client.send(b"x")
        assert client.recv(100) == b"x"
    assert had_turns == [False, False]
