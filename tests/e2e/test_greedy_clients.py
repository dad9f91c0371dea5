"""Clients that take more than their turn, and more of them than there is room for."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from pathlib import Path

import pytest
from colours import RED, head_of, label_of, read_answer
from running_server import stopped, wait_until

pytestmark = pytest.mark.e2e

PAGE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LIMITS = {"OPSIN_WORKERS": "1", "OPSIN_MAX_CONNECTIONS": "8"}


def test_idlest_connections_are_closed_where_there_are_too_many(start):
    running = start(**LIMITS).wait_until_ready()
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(running.connect()) for _ in range(8)]
        time.sleep(0.2)  # they have had time to send a request
        assert label_of(running.request("POST", "/predict", RED)) == "red"
        assert idle[0].recv(1) == b""
        idle[-1].sendall(PAGE)
        assert idle[-1].recv(15) == b"HTTP/1.1 200 OK"


def test_as_many_are_closed_as_are_too_many(start):
    running = start(**LIMITS).wait_until_ready()
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(running.connect())
        time.sleep(1)  # the last have been taken in, and have had time to send a request
        assert label_of(running.request("POST", "/predict", RED)) == "red"


def connect_for_good(running):
    """A connection that is not one too many: those before it may be on their way out still."""
    while True:
        connection = running.connect()
        connection.sendall(PAGE)
        response = http.client.HTTPResponse(connection)
        response.begin()
        response.read()
        if response.status == 200:
            return connection
        connection.close()


def test_where_none_is_idle_a_new_one_is_503_and_a_health_check_and_those_before_are_answered(start):
    running = start(**LIMITS, OPSIN_ENGINE_TIMEOUT_MS="60000", OPSIN_RUN_TO_COMPLETION="0").wait_until_ready()
    (engine,) = running.children("opsin: engine cpu")
    with contextlib.ExitStack() as stack:
        with stopped(engine):  # so that these have their requests in hand
            before = [stack.enter_context(connect_for_good(running)) for _ in range(8)]
            for connection in before:
                connection.sendall(head_of(RED, "X-Request-Timeout-Ms: 60000") + RED)
            wait_until(lambda: running.request("GET", "/nothing")[0] == 503)
            connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
            assert response.headers["Connection"] == "close"
            assert json.loads(response.read())["error"]["code"] == "overloaded"
            assert running.request("GET", "/healthz") == (200, {"status": "ok"})
            assert running.request("GET", "/readyz")[0] == 200
        for connection in before:
            assert label_of(read_answer(connection)) == "red"
    assert label_of(running.request("POST", "/predict", RED)) == "red"


def test_heads_and_bodies_that_come_no_further_make_room_however_much_came_at_once(start):
    running = start(**LIMITS).wait_until_ready()
    long = PAGE[:-2] + b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(40))  # 40 kB
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connect_for_good(running)) for _ in range(8)]
        for connection in slow:
            connection.sendall(long if connection in slow[:4] else head_of(RED) + RED[:-1])
        wait_until(lambda: running.request("POST", "/predict", RED)[0] == 200)
        assert slow[0].recv(1) == b""


def test_clients_that_do_not_read_keep_no_thread(start):
    running = start(OPSIN_WORKERS="1").wait_until_ready()
    (worker,) = running.children("opsin: http")
    tasks = Path(f"/proc/{worker}/task")
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(running.connect()).sendall(PAGE * 200)
        assert label_of(running.request("POST", "/predict", RED)) == "red"
        assert len(list(tasks.iterdir())) < 20
        wait_until(lambda: len(list(tasks.iterdir())) <= 5)  # its own, two leaders, the slow lane, a decoder


def test_pages_that_were_asked_for_ahead_come_in_their_order_and_all(served):
    with served.connect() as connection, connection.makefile("rb") as answers:
        connection.sendall((b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + PAGE) * 10)
        for path in ["/healthz", "/"] * 10:
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = http.client.parse_headers(answers)
            body = answers.read(int(headers["Content-Length"]))
            assert body.startswith(b'{"status"' if path == "/healthz" else b"<!doctype html>")


def test_upload_in_chunks_of_one_byte_is_answered(served):
    with served.connect() as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        padded = RED + bytes(5000)  # more than one turn takes
        connection.sendall(b"".join(b"1\r\n%c\r\n" % byte for byte in padded) + b"0\r\n\r\n")
        assert label_of(read_answer(connection)) == "red"
