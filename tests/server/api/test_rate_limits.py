"""How often a client may ask: by itself, with all limits, and with Redis among many servers."""

from __future__ import annotations

import time

from redis_server import running_redis

from server.api.rate_limits import RateLimits
from server.api.redis_counts import RedisAway, RedisCounts
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


def test_clock_that_is_set_back_keeps_nobody_out(clock, monkeypatch):
    limits = RateLimits("1/second", SharedCounts(), clock=clock)
    limits.wait_s("a")
    clock.now -= 86_400
    monkeypatch.setattr(time, "time", clock)
    assert 0 < limits.wait_s("a") <= 1
    assert 0 < limits.refused_s("a") <= 1


def test_all_of_several_limits_hold(clock):
    limits = make("2/second; 3/hour", clock)
    assert [limits.wait_s("a") for _ in range(3)] == [None, None, 1]
    clock.now += 1
    assert limits.wait_s("a") is None
    assert limits.wait_s("a") == 3599


def test_refusal_is_known_beforehand_without_being_counted(clock):
    limits = make("2/minute; 3/hour", clock)
    assert [limits.refused_s("a") for _ in range(9)] == [None] * 9
    assert [limits.wait_s("a") for _ in range(2)] == [None, None]
    clock.now += 20
    assert (limits.refused_s("a"), limits.refused_s("b")) == (40, None)
    clock.now += 40
    assert (limits.refused_s("a"), limits.wait_s("a"), limits.refused_s("a")) == (None, None, 3540)


def test_servers_that_share_a_redis_count_together(tmp_path):
    with running_redis(tmp_path) as (url, _):
        redis = [RedisCounts(url, timeout_s=10) for _ in range(2)]
        first, second = (make("3/hour", time.time, redis=each) for each in redis)
        assert [first.wait_s("a"), second.wait_s("a"), first.wait_s("a")] == [None] * 3
        assert 3500 < second.wait_s("a") <= 3600
        assert second.wait_s("b") is None
        for each in redis:
            each.close()


class FakeRedis:
    """Counts of other servers too, or none while it is away."""

    def __init__(self, waits_s=(), *, is_away=False):
        self.waits_s, self.is_away = list(waits_s), is_away

    def ask(self, _question):
        if self.is_away:
            raise RedisAway
        return self.waits_s.pop(0)


def test_refusal_of_redis_holds_without_asking_again(clock):
    redis = FakeRedis([None, 30.0, None])
    limits = make("2/hour", clock, redis=redis)
    assert [limits.refused_s("a"), limits.wait_s("a"), limits.refused_s("a")] == [None, None, None]
    assert [limits.wait_s("a"), limits.wait_s("a"), limits.refused_s("a")] == [30, 30, 30]
    assert limits.refused_s("b") is None
    clock.now += 30
    assert [limits.refused_s("a"), limits.wait_s("a")] == [None, None]
    assert redis.waits_s == []


def test_server_counts_by_itself_while_redis_is_away(clock):
    alone = []
    limits = make("2/hour", clock, redis=FakeRedis(is_away=True), note_alone=lambda: alone.append(1))
    assert [limits.wait_s("a") for _ in range(3)] == [None, None, 3600]
    assert len(alone) == 3
