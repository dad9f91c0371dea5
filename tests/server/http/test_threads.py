"""The threads that serve connections."""

from __future__ import annotations

import queue
import select
import socket
import threading
import time

import pytest
from gunicorn.config import Config
from running_server import wait_until

from server.gunicorn_internals.request import plain_settings
from server.http.connection import Connection
from server.http.limits import Limits, UploadBudget
from server.http.threads import SPARE_THREADS, RequestThread, RequestThreads

LIMITS = Limits(plain_settings(Config()), 1000, UploadBudget(1000), keepalive_s=70, read_timeout_s=10)

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def watched():
    """Connections watched by threads that serve them with the given function; gives the clients' sockets."""
    sockets, started = [], []

    def watched(serve, number, *, max_busy, **options):
        threads = RequestThreads(serve, max_busy=max_busy, **options)
        started.append(threads)
        threads.start()
        for _ in range(number):
            ours, theirs = socket.socketpair()
            theirs.settimeout(10)
            sockets.extend((ours, theirs))
            threads.watch(Connection(ours, None, None, LIMITS))
        return threads, sockets[1::2]

    yield watched
    for threads in started:
        threads.close()
    for sock in sockets:
        sock.close()


def echo(connection, _thread):
    connection.sock.send(connection.sock.recv(100))
    return True


def test_each_connection_is_served_again_and_again(watched):
    _, clients = watched(echo, 20, max_busy=4)
    for turn in range(5):
        for number, client in enumerate(clients):
            client.send(b"%d %d" % (turn, number))
        for number, client in enumerate(clients):
            assert client.recv(100) == b"%d %d" % (turn, number)


def test_others_are_served_while_some_wait_and_threads_that_became_idle_serve_again(watched):
    may_go_on = threading.Semaphore(0)

    def serve(connection, thread):
        if connection.sock.recv(100) == b"wait":
            assert thread.begin_busy()
            may_go_on.acquire(timeout=10)
            thread.end_busy()  # as the worker does, before the client can ask again
        connection.sock.send(b"done")
        return True

    _, (*waiting, other) = watched(serve, 9, max_busy=8)
    for _ in range(3):
        for client in waiting:
            client.send(b"wait")
        other.send(b"quick")
        assert other.recv(100) == b"done"
        may_go_on.release(8)
        assert [client.recv(100) for client in waiting] == [b"done"] * 8


def test_no_more_may_be_busy_than_were_allowed_until_one_has_ended(watched):
    may_go_on, answers = threading.Event(), queue.Queue()

    def serve(connection, thread):
        connection.sock.recv(100)
        answers.put(thread.begin_busy())
        may_go_on.wait(10 if thread.begin_busy() else 0)
        thread.end_busy()
        connection.sock.send(b"served")
        return True

    _, clients = watched(serve, 3, max_busy=2)
    for client in clients:
        client.send(b"x")
    assert sorted(answers.get(timeout=10) for _ in clients) == [False, True, True]
    may_go_on.set()
    for client in clients:
        assert client.recv(100) == b"served"
    for _ in range(100):
        clients[0].send(b"x")
        assert clients[0].recv(100) == b"served"
        assert answers.get(timeout=10)


def test_where_the_system_allows_no_more_threads_none_may_be_busy_until_it_does(watched, monkeypatch, caplog):
    is_busy, may_go_on = threading.Event(), threading.Event()

    def serve(connection, thread):
        is_to_wait = connection.sock.recv(100) == b"wait"
        answer = b"%d" % thread.begin_busy()
        if is_to_wait:
            is_busy.set()
            may_go_on.wait(10)
        thread.end_busy()
        connection.sock.send(answer)
        return True

    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    _, (waiting, other) = watched(serve, 2, max_busy=2)
    waiting.send(b"wait")
    assert is_busy.wait(10)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(2 + SPARE_THREADS):
            other.send(b"x")
            assert other.recv(100) == b"0"
    other.send(b"x")
    assert other.recv(100) == b"1"
    may_go_on.set()
    assert waiting.recv(100) == b"1"
    assert caplog.messages == ["there are 3 request threads, and: can't start new thread"]


def answer_at_length(connection, _thread):
    """Answer a request with more than a socket takes."""
    try:
        if connection.next_request():
            connection.sendall(bytes(2_000_000))
            connection.finish_request()
        return True
    except OSError:
        return not connection.linger()


def read(client, num_bytes):
    """Read so many bytes if they come; gives how many came."""
    num_left = num_bytes
    while num_left and (data := client.recv(num_left)):
        num_left -= len(data)
    return num_bytes - num_left


def test_clients_that_do_not_read_hold_no_thread(watched):
    _, clients = watched(answer_at_length, 10, max_busy=0)
    for client in clients:
        client.send(REQUEST)
    for client in reversed(clients):
        assert read(client, 2_000_000) == 2_000_000


def test_client_that_does_not_read_is_late_too(watched):
    is_kept = queue.Queue()

    def serve(connection, thread):
        answered = answer_at_length(connection, thread)
        is_kept.put(answered)
        return answered

    threads, (client,) = watched(serve, 1, max_busy=0)
    client.send(REQUEST)
    assert is_kept.get(timeout=10)
    wait_until(lambda: threads.waiting)
    threads.expire_overdue(threads.waiting[0].deadline)
    assert not is_kept.get(timeout=10)
    assert read(client, 2_000_000) < 2_000_000


def test_late_connections_are_served_though_nothing_came(watched):
    late = queue.Queue()

    def serve(connection, _thread):
        late.put(connection.is_late)
        return not connection.is_late

    threads, _ = watched(serve, 1, max_busy=1)
    threads.expire_overdue(time.monotonic())
    (connection,) = threads.waiting
    threads.expire_overdue(connection.deadline)
    assert late.get(timeout=10)
    assert threads.waiting == []


def test_threads_that_nobody_promotes_end(watched):
    before = threading.active_count()
    may_go_on = threading.Event()

    def serve(connection, thread):
        thread.begin_busy()
        may_go_on.wait(10)
        thread.end_busy()
        return echo(connection, thread)

    _, clients = watched(serve, 4, max_busy=4, idle_s=0.01)
    for client in clients:
        client.send(b"x")
    wait_until(lambda: threading.active_count() >= before + 6)  # four are busy, one leads, and one has the slow lane
    may_go_on.set()
    wait_until(lambda: threading.active_count() == before + 3)
    for client in clients:
        assert client.recv(100) == b"x"


def test_what_is_slow_is_served_by_one_thread_and_what_is_not_by_others(watched):
    may_go_on, found = threading.Event(), queue.Queue()

    def serve(connection, thread):
        if not connection.has_more:
            connection.put_back(is_slow=connection.sock.recv(100) == b"slow")
            return True
        found.put((connection.is_slow, thread.is_slow))
        if thread.is_slow:
            may_go_on.wait(10)
        connection.has_more = connection.is_slow = False
        connection.sock.send(b"done")
        return True

    _, (*slow, quick) = watched(serve, 4, max_busy=0)
    for _ in range(2):
        may_go_on.clear()
        for client in slow:
            client.send(b"slow")
        assert found.get(timeout=10) == (True, True)
        quick.send(b"quick")
        assert found.get(timeout=10) == (False, False)
        assert quick.recv(100) == b"done"
        assert found.empty()  # the others wait for their turn
        may_go_on.set()
        for client in slow:
            assert client.recv(100) == b"done"
        assert [found.get(timeout=10) for _ in slow[1:]] == [(True, True)] * 2


def test_bug_costs_one_connection_and_no_thread(watched, caplog):
    def serve(connection, _thread):
        if connection.sock.recv(100) == b"bug":
            raise RuntimeError("unlucky")
        connection.sock.send(b"done")
        return True

    _, (*unlucky, lucky) = watched(serve, 5, max_busy=1)
    for client in unlucky:
        client.send(b"bug")
        assert client.recv(100) == b""
    lucky.send(b"x")
    assert lucky.recv(100) == b"done"


def test_closed_threads_end_whether_they_lead_wait_or_are_busy(watched):
    before = threading.active_count()
    may_go_on = threading.Event()

    def serve(connection, thread):
        thread.begin_busy()
        may_go_on.wait(10)
        return echo(connection, thread)

    threads, clients = watched(serve, 4, max_busy=4)
    for client in clients:
        client.send(b"x")
    wait_until(lambda: threading.active_count() >= before + 5)  # four are busy, and one leads
    may_go_on.set()
    for client in clients:
        assert client.recv(100) == b"x"
    wait_until(lambda: len(threads.waiting) == 4)  # some of the threads are idle again
    threads.close()
    threads.close()
    wait_until(lambda: threading.active_count() == before)


def test_thread_that_is_idle_when_they_are_closed_is_promoted_no_more(watched):
    threads, _ = watched(echo, 0, max_busy=4)
    wakes = []
    idle = RequestThread(threads)
    idle.wake = lambda: wakes.append("wake")
    threads._idle.append(idle)
    threads.close()
    assert RequestThread(threads).begin_busy()
    assert RequestThread(threads).begin_busy()  # which another has to be promoted for
    assert wakes == ["wake"]


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
