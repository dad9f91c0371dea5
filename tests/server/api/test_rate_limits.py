"""How often a client may ask: by itself, with all limits, and with Redis among many servers."""

from __future__ import annotations

import logging
import time

from redis_server import PASSWORD, running_redis

from server.api.rate_limits import REDIS_PAUSE_S, RateLimits
from server.api.shared_counts import SharedCounts


def make(text, clock, **options):
    return RateLimits(text, SharedCounts(clock=clock), clock=clock, **options)


def test_client_past_its_limit_is_told_when_its_next_request_is_let_in(clock):
    limits = make("3/minute", clock)
    assert [limits.wait_s("a") for _ in range(3)] == [None] * 3
    clock.now += 20
    assert limits.wait_s("a") == 40
    assert limits.wait_s("b") is None
    clock.now += 40
    assert limits.wait_s("a") is None


def test_all_of_several_limits_hold(clock):
    limits = make("2/second; 3/hour", clock)
    assert [limits.wait_s("a") for _ in range(3)] == [None, None, 1]
    clock.now += 1
    assert limits.wait_s("a") is None
    assert limits.wait_s("a") == 3599


def test_servers_that_share_a_redis_count_together(tmp_path):
    with running_redis(tmp_path) as (url, _):
        first, second = (make("3/hour", time.time, redis_url=url) for _ in range(2))
        assert [first.wait_s("a"), second.wait_s("a"), first.wait_s("a")] == [None] * 3
        assert 3500 < second.wait_s("a") <= 3600
        assert second.wait_s("b") is None


def test_server_counts_by_itself_while_redis_is_gone_and_says_so_once(clock, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    with running_redis(tmp_path) as (url, process):
        limits = make("2/hour", clock, redis_url=url)
        assert limits.wait_s("a") is None
        process.kill()
        process.wait()
        assert [limits.wait_s("a") is None for _ in range(3)] == [True, True, False]
    assert [record.message for record in caplog.records] == [
        "Redis does not answer, this server counts by itself: ConnectionError"
    ]
    clock.now += REDIS_PAUSE_S
    limits.wait_s("a")
    assert len(caplog.records) == 2
    assert PASSWORD not in caplog.text
