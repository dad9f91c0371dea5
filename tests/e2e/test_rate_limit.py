"""Limits of a client hold over all workers of the real server, and over servers that share a Redis."""

from __future__ import annotations

import socket

import pytest
from colours import FORM_RED, FORM_TYPE, read_answer
from redis_server import PASSWORD, running_redis

pytestmark = pytest.mark.e2e


def test_workers_count_together(start):
    running = start(OPSIN_RATE_LIMIT="10/hour", OPSIN_WORKERS="3").wait_until_ready()
    statuses = [running.request("POST", "/predict", FORM_RED, FORM_TYPE)[0] for _ in range(14)]
    assert statuses == [200] * 10 + [429] * 4


def test_client_past_its_limit_is_told_so_before_it_sends_a_body(start):
    running = start(OPSIN_RATE_LIMIT="1/hour", OPSIN_CORS_ORIGINS="https://a.example").wait_until_ready()
    assert running.request("POST", "/predict", FORM_RED, FORM_TYPE)[0] == 200
    with running.connect() as connection:  # nothing of the body has been sent, and nothing is waited for
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nContent-Length: 3000000\r\n\r\n"
        )
        status, answer = read_answer(connection)
        assert (status, answer["error"]["code"]) == (429, "rate_limited")


def test_script_of_a_named_origin_reads_why_its_request_is_no_http(start):
    running = start(OPSIN_CORS_ORIGINS="https://a.example").wait_until_ready()
    with running.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nX: \x00\r\n\r\n")
        head = connection.recv(4096).partition(b"\r\n\r\n")[0]
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nAccess-Control-Allow-Origin: https://a.example\r\n" in head


def test_server_whose_redis_never_answers_counts_by_itself_and_says_so_once(start):
    with socket.create_server(("127.0.0.1", 0)) as redis:  # the system takes connections in, and nobody reads
        url = f"redis://:{PASSWORD}@127.0.0.1:{redis.getsockname()[1]}"
        running = start(OPSIN_RATE_LIMIT="8/hour", OPSIN_RATE_LIMIT_REDIS=url, OPSIN_WORKERS="1").wait_until_ready()
        statuses = [running.request("POST", "/predict", FORM_RED, FORM_TYPE)[0] for _ in range(9)]
        assert statuses == [200] * 8 + [429]
        status, output = running.stop()
    assert status == 0
    assert output.count("Redis does not answer, this server counts by itself: TimeoutError") == 1
    assert PASSWORD not in output


def test_servers_with_one_redis_count_together_and_tell_nobody_its_password(start, tmp_path):
    with running_redis(tmp_path) as (url, _):
        servers = [
            start(OPSIN_RATE_LIMIT="6/hour", OPSIN_RATE_LIMIT_REDIS=url, OPSIN_LOG_LEVEL="info") for _ in range(2)
        ]
        for server in servers:
            server.wait_until_ready()
        statuses = [servers[number % 2].request("POST", "/predict", FORM_RED, FORM_TYPE)[0] for number in range(8)]
        assert statuses == [200] * 6 + [429] * 2
        for server in servers:
            status, output = server.stop()
            assert status == 0
            assert PASSWORD not in output
