"""Limits of a client hold over all workers of the real server, and over servers that share a Redis."""

from __future__ import annotations

import pytest
from colours import FORM_RED, FORM_TYPE
from redis_server import PASSWORD, running_redis

pytestmark = pytest.mark.e2e


def test_workers_count_together(start):
    running = start(OPSIN_RATE_LIMIT="10/hour", OPSIN_WORKERS="3").wait_until_ready()
    statuses = [running.request("POST", "/predict", FORM_RED, FORM_TYPE)[0] for _ in range(14)]
    assert statuses == [200] * 10 + [429] * 4


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
