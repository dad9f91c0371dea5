"""Who waits for a place, and in what order."""

from __future__ import annotations

import threading
import time

import pytest

from server.decoding.lane import OVERHEAD_S, WEIGHT, Lane
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
    """The order in which images that begin to wait at those times are served, once the only place is free."""
    clock = Clock()
    lane = Lane(["only"], clock=clock)
    order = []

    def decode(cost_s):
        with lane.place(cost_s, clock.now + SOON_S):
            order.append(cost_s)

    threads = []
    with lane.place(1.0, clock.now + 1):
        for number, (cost_s, at) in enumerate(costs_and_times, start=1):
            clock.now = 100.0 + at
            threads.append(threading.Thread(target=decode, args=(cost_s,)))
            threads[-1].start()
            wait_until(lambda number=number: len(lane._waiting) == number)
    for thread in threads:
        thread.join()
    return order


def test_small_image_passes_large_ones():
    assert served_order([(1.0, 0.0), (2.0, 0.1), (0.1, 0.2)]) == [0.1, 1.0, 2.0]


def test_large_image_does_not_wait_for_ever():
    assert served_order([(1.0, 0.0), (0.1, 3.0), (0.2, 4.5)]) == [0.1, 1.0, 0.2]


def test_place_that_was_not_free_in_time_is_not_lost():
    lane = Lane(["only"])
    with lane.place(0.1, time.monotonic() + SOON_S):
        with pytest.raises(DeadlineExceeded), lane.place(0.1, time.monotonic() + 0.01):
            pass
        with pytest.raises(DeadlineExceeded), lane.place(0.1, time.monotonic() - 1):
            pass
    with lane.place(0.1, time.monotonic() + SOON_S) as place:
        assert place == "only"


def test_place_is_given_back_after_an_error():
    lane = Lane(["only"])
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), lane.place(0.1, time.monotonic() + SOON_S):
            1 / 0  # noqa: B018


def test_wait_is_what_is_in_hand_at_the_pace_of_late():
    clock = Clock()
    lane = Lane([1, 2], clock=clock)
    assert lane.is_idle
    lane.add(3.0)
    assert (lane.wait_s(), lane.wait_s(1.0), lane.is_idle) == (1.5, 2.0, False)
    with lane.place(1.0, clock.now + 1):
        clock.now += 3.0
    first = 3.0 / (1.0 + OVERHEAD_S)
    assert lane.wait_s() == pytest.approx(1.5 * first)
    with lane.place(1.0, clock.now + 1):
        clock.now += 1.0
    assert lane.wait_s() == pytest.approx(1.5 * (first + WEIGHT * (1.0 / (1.0 + OVERHEAD_S) - first)))
    lane.add(-3.0)
    assert (lane.wait_s(), lane.is_idle) == (0.0, True)


def test_what_runs_longer_than_it_should_is_slower_already():
    clock = Clock()
    lane = Lane(["only"], clock=clock)
    lane.add(2.0)
    with lane.place(1.0, clock.now + SOON_S):
        clock.now += 4.0
        assert lane.wait_s() == pytest.approx(2.0 * 4.0 / (1.0 + OVERHEAD_S))


def test_pace_is_that_of_a_like_lane_until_it_is_known():
    clock = Clock()
    plain = Lane(["only"], clock=clock)
    other = Lane(["only"], like=plain, clock=clock)
    with plain.place(1.0, clock.now + 1):
        clock.now += 5.0
    assert other.pace() == plain.pace() == pytest.approx(5.0 / (1.0 + OVERHEAD_S))
    with other.place(1.0, clock.now + 1):
        clock.now += 2.0
    assert other.pace() == pytest.approx(2.0 / (1.0 + OVERHEAD_S))


def test_who_waits_hears_that_there_is_no_time_any_more_before_the_deadline():
    clock = Clock()
    lane = Lane(["only"], clock=clock)
    heard = []

    def wait():
        with pytest.raises(Overloaded, match="decoding takes longer than it did") as refused, lane.place(1.0, 110.0):
            pass
        heard.append(refused.value.retry_after_s)

    with lane.place(1.0, clock.now + SOON_S):
        waiting = threading.Thread(target=wait)
        waiting.start()
        wait_until(lambda: lane._waiting)
        clock.now += 8.0  # so the next would take as long
        waiting.join()
    assert heard == [8]
    with lane.place(1.0, clock.now + SOON_S) as place:
        assert place == "only"
