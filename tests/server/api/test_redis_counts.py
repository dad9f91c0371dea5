"""Redis that hangs, dies, breaks and comes back, as a request sees it."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading

import pytest
from limits import parse
from redis_server import PASSWORD, running_redis
from running_server import wait_until

from server.api.redis_counts import RedisAway, RedisCounts

LIMIT = parse("2/hour")
AWAY = "Redis does not answer, this server counts by itself: "
BACK = "Redis answers again, servers count together"


@pytest.fixture
def said(caplog, monkeypatch):
    """What was logged, as far as an operator sees it."""
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    return lambda: [record.message for record in caplog.records if record.levelno > logging.DEBUG]


@pytest.fixture
def make():
    """Make counts, which are closed at the end."""
    with contextlib.ExitStack() as ends:

        def make(url, **times):
            counts = RedisCounts(url, **times)
            ends.callback(counts.close)
            return counts

        yield make


def is_let_in(limiter):
    return None if limiter.hit(LIMIT, "a") else 1.0


@contextlib.contextmanager
def listening(answer=b""):
    """Listen on a port, and give whoever asks one answer, or none; gives the URL and the connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        connections = []

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    connections.append(stack.enter_context(listener.accept()[0]))
                    connections[-1].sendall(answer)

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"redis://:{PASSWORD}@127.0.0.1:{listener.getsockname()[1]}", connections
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_redis_that_never_answers_is_asked_once(make, said):
    with listening() as (url, connections):
        counts = make(url, timeout_s=0.05, probe_s=60)
        for _ in range(20):
            with pytest.raises(RedisAway):
                counts.ask(is_let_in)
        assert len(connections) == 1
    assert said() == [AWAY + "TimeoutError"]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"-NOAUTH\r\n", b":x\r\n" * 9, b"$9\r\n"])
def test_what_is_no_redis_is_away(make, said, answer):
    with listening(answer) as (url, _):
        counts = make(url, timeout_s=1, probe_s=60)
        with pytest.raises(RedisAway):
            counts.ask(is_let_in)
    assert len(said()) == 1
    assert PASSWORD not in said()[0]


def test_question_that_hangs_is_given_up_whatever_it_hangs_in(make):
    counts = make("redis://127.0.0.1:1", timeout_s=0.05, probe_s=60)
    is_over = threading.Event()
    with pytest.raises(RedisAway):
        counts.ask(lambda _limiter: is_over.wait())
    is_over.set()


def test_redis_that_dies_and_starts_again_is_asked_again(make, tmp_path, said):
    with running_redis(tmp_path) as (url, process):
        counts = make(url, timeout_s=10, probe_s=0.05)
        assert [counts.ask(is_let_in) for _ in range(3)] == [None, None, 1]
        process.kill()
        process.wait()
        with pytest.raises(RedisAway):
            counts.ask(is_let_in)
        with running_redis(tmp_path, url=url):
            wait_until(lambda: BACK in said())
            assert [counts.ask(is_let_in) for _ in range(3)] == [None, None, 1]
    assert said() == [AWAY + "ConnectionError", BACK]


def test_redis_that_stands_still_for_a_while_is_asked_again(make, tmp_path, said):
    with running_redis(tmp_path) as (url, process):
        counts = make(url, timeout_s=0.2, probe_s=0.05)
        counts.ask(is_let_in)
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(RedisAway):
            counts.ask(is_let_in)
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: BACK in said())
        assert counts.ask(is_let_in) in (None, 1)


def test_where_no_thread_can_be_started_the_next_request_tries_again(make, said, monkeypatch):
    def no_more(_thread):
        raise RuntimeError("can't start new thread")

    counts = make("redis://127.0.0.1:1", timeout_s=10, probe_s=60)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_more)
        with pytest.raises(RedisAway):
            counts.ask(is_let_in)
    assert said() == [AWAY + "RuntimeError"]
    with pytest.raises(RedisAway):
        counts.ask(is_let_in)
    assert said()[1:] == [AWAY + "ConnectionError"]
