"""The threads that serve connections."""

from __future__ import annotations

import queue
import threading
import time

from gunicorn.config import Config
from running_server import wait_until

from server.gunicorn_internals.request import plain_settings
from server.http.limits import Limits, UploadBudget
from server.http.request_thread import RequestThread
from server.http.threads import SPARE_THREADS

LIMITS = Limits(plain_settings(Config()), 1000, UploadBudget(1000), keepalive_s=70, read_timeout_s=10)

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


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
    idle = RequestThread(threads.begin_busy, threads.end_busy)
    idle.wake = lambda: wakes.append("wake")
    threads._idle.append(idle)
    threads.close()
    assert RequestThread(threads.begin_busy, threads.end_busy).begin_busy()
    assert RequestThread(threads.begin_busy, threads.end_busy).begin_busy()  # which another has to be promoted for
    assert wakes == ["wake"]
