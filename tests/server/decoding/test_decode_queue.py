"""Who waits for a decoder, and in what order."""

from __future__ import annotations

import threading
import time

import pytest

from server.decoding.decode_queue import OVERHEAD_S, WEIGHT, DecodeQueue
from server.engine.errors import DeadlineExceeded
from server.request_errors import Overloaded

SOON_S = 30.0


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def wait_until(condition):
    give_up_at = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.001)


def served_order(costs_and_times):
    """The order in which images that begin to wait at those times are served, once the only decoder is free."""
    clock = Clock()
    queue = DecodeQueue(["only"], clock=clock)
    order = []

    def decode(cost_s):
        with queue.acquire(cost_s, clock.now + SOON_S):
            order.append(cost_s)

    threads = []
    with queue.acquire(1.0, clock.now + 1):
        for number, (cost_s, at) in enumerate(costs_and_times, start=1):
            clock.now = 100.0 + at
            threads.append(threading.Thread(target=decode, args=(cost_s,)))
            threads[-1].start()
            wait_until(lambda number=number: len(queue._waiting) == number)
    for thread in threads:
        thread.join()
    return order


def test_small_image_passes_large_ones():
    assert served_order([(1.0, 0.0), (2.0, 0.1), (0.1, 0.2)]) == [0.1, 1.0, 2.0]


def test_large_image_does_not_wait_for_ever():
    assert served_order([(1.0, 0.0), (0.1, 3.0), (0.2, 4.5)]) == [0.1, 1.0, 0.2]


def test_decoder_that_was_not_free_in_time_is_not_lost():
    queue = DecodeQueue(["only"])
    with queue.acquire(0.1, time.monotonic() + SOON_S):
        with pytest.raises(DeadlineExceeded), queue.acquire(0.1, time.monotonic() + 0.01):
            pass
        with pytest.raises(DeadlineExceeded), queue.acquire(0.1, time.monotonic() - 1):
            pass
    with queue.acquire(0.1, time.monotonic() + SOON_S) as decoder:
        assert decoder == "only"


def test_decoder_is_given_back_after_an_error():
    queue = DecodeQueue(["only"])
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), queue.acquire(0.1, time.monotonic() + SOON_S):
            1 / 0  # noqa: B018


def test_wait_is_what_is_in_hand_at_the_pace_of_late():
    clock = Clock()
    queue = DecodeQueue([1, 2], clock=clock)
    assert queue.is_idle
    queue.add(3.0)
    assert (queue.wait_s(), queue.wait_s(1.0), queue.is_idle) == (1.5, 2.0, False)
    with queue.acquire(1.0, clock.now + 1):
        clock.now += 3.0
    first = 3.0 / (1.0 + OVERHEAD_S)
    assert queue.wait_s() == pytest.approx(1.5 * first)
    with queue.acquire(1.0, clock.now + 1):
        clock.now += 1.0
    assert queue.wait_s() == pytest.approx(1.5 * (first + WEIGHT * (1.0 / (1.0 + OVERHEAD_S) - first)))
    queue.add(-3.0)
    assert (queue.wait_s(), queue.is_idle) == (0.0, True)


def test_what_runs_longer_than_it_should_is_slower_already():
    clock = Clock()
    queue = DecodeQueue(["only"], clock=clock)
    queue.add(2.0)
    with queue.acquire(1.0, clock.now + SOON_S):
        clock.now += 4.0
        assert queue.wait_s() == pytest.approx(2.0 * 4.0 / (1.0 + OVERHEAD_S))


def test_pace_is_that_of_a_like_queue_until_it_is_known():
    clock = Clock()
    plain = DecodeQueue(["only"], clock=clock)
    other = DecodeQueue(["only"], like=plain, clock=clock)
    with plain.acquire(1.0, clock.now + 1):
        clock.now += 5.0
    assert other.pace() == plain.pace() == pytest.approx(5.0 / (1.0 + OVERHEAD_S))
    with other.acquire(1.0, clock.now + 1):
        clock.now += 2.0
    assert other.pace() == pytest.approx(2.0 / (1.0 + OVERHEAD_S))


def test_who_waits_hears_that_there_is_no_time_any_more_before_the_deadline():
    clock = Clock()
    queue = DecodeQueue(["only"], clock=clock)
    heard = []

    def wait():
        with pytest.raises(Overloaded, match="decoding takes longer than it did") as refused, queue.acquire(1.0, 110.0):
            pass
        heard.append(refused.value.retry_after_s)

    with queue.acquire(1.0, clock.now + SOON_S):
        waiting = threading.Thread(target=wait)
        waiting.start()
        wait_until(lambda: queue._waiting)
        clock.now += 8.0  # so the next would take as long
        waiting.join()
    assert heard == [8]
    with queue.acquire(1.0, clock.now + SOON_S) as decoder:
        assert decoder == "only"
