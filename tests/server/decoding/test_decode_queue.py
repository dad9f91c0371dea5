"""Who waits for a decoder, and in what order."""

from __future__ import annotations

import math
import threading
import time
from contextlib import contextmanager
from functools import partial

import pytest
from clock import Clock
from waiting import SOON_S, wait_until

from models.errors import OpsinError
from server.decoding.decode_queue import LOOK_AGAIN_S, SLOWEST, WEIGHT, DecodeQueue
from server.engine.errors import ClientGone, DeadlineExceeded
from server.request_errors import Overloaded


def served_order(costs_s):
    """The order in which images are served that waited for the only decoder."""
    queue = DecodeQueue(["only"])
    order = []

    def decode(cost_s):
        with queue.acquire(cost_s, time.monotonic() + SOON_S):
            order.append(cost_s)

    with waiting(queue, *[partial(decode, cost_s) for cost_s in costs_s]):
        pass
    return order


@contextmanager
def waiting(queue, *targets, cost_s=0.001, deadline=math.inf):
    """Lets each target begin to wait in the queue, in their order, while its only decoder is busy."""
    threads = [threading.Thread(target=target) for target in targets]
    with queue.acquire(cost_s, deadline):
        for number, thread in enumerate(threads, start=1):
            thread.start()
            wait_until(lambda number=number: num_waiting(queue) == number)
        yield
    for thread in threads:
        thread.join()


def num_waiting(queue):
    return sum(map(len, queue._waiting._classes.values()))


def test_small_image_passes_large_ones():
    assert served_order([1.0, 1.5, 0.1]) == [0.1, 1.0, 1.5]


def test_decoder_that_was_not_free_in_time_is_not_lost():
    queue = DecodeQueue(["only"])
    with queue.acquire(0.1, time.monotonic() + SOON_S):
        with pytest.raises(Overloaded), queue.acquire(0.1, time.monotonic() + 0.01):
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


def decode_one(queue, clock, cost_s, taken_s):
    with queue.acquire(cost_s, clock.now + SOON_S):
        clock.now += taken_s


def test_wait_is_what_is_in_hand_at_the_pace_of_late():
    clock = Clock()
    queue = DecodeQueue([1, 2], clock=clock)
    assert queue.is_idle
    for _ in range(3):
        queue.add(1.0)
    assert (queue.wait_s(), queue.wait_s([1.0]), queue.is_idle) == (1.5, 2.0, False)
    decode_one(queue, clock, 1.0, 4.0)
    assert queue.wait_s() == pytest.approx(1.5 * 2.0)
    decode_one(queue, clock, 0.004, 0.001)  # so little that it says nothing
    decode_one(queue, clock, 1.0, 2.0)
    assert queue.wait_s() == pytest.approx(1.5 * 2.0)
    for _ in range(3):
        queue.remove(1.0)
    assert (queue.wait_s(), queue.is_idle) == (0.0, True)


def test_one_bad_image_hardly_moves_the_pace_and_many_slow_ones_do():
    clock = Clock()
    queue = DecodeQueue(["only"], clock=clock)
    for _ in range(20):
        decode_one(queue, clock, 0.1, 0.1)
    decode_one(queue, clock, 0.01, 9.0)
    assert queue.pace() == pytest.approx(SLOWEST**WEIGHT)
    for _ in range(40):
        decode_one(queue, clock, 0.1, 0.8)
    assert queue.pace() == pytest.approx(8.0, rel=0.03)


def test_small_image_is_predicted_to_wait_for_no_more_of_the_large_ones_than_it_takes_itself():
    queue = DecodeQueue(["only"])
    for _ in range(5):
        queue.add(1.0)
    assert queue.wait_s([0.01]) == pytest.approx(0.02)
    assert queue.wait_s([0.01, 1.0]) == pytest.approx(6.01)


def test_image_of_a_small_request_is_predicted_to_wait_for_no_more_than_twice_those_of_such():
    queue = DecodeQueue(["only"])
    for _ in range(32):
        queue.add(0.5, request_size=32)
    queue.add(0.5)
    assert queue.wait_s([0.5]) == 1.5
    assert queue.wait_s([0.5], request_size=32) == 17.0
    assert queue.wait_s() == 16.5
    for _ in range(32):
        queue.remove(0.5, request_size=32)
    assert queue.wait_s([0.5]) == 1.0


@pytest.mark.parametrize(("taken_s", "left_s"), [(0.25, 0.75), (1.0, 0.0), (4.0, 3.0), (8.0, 2.0), (11.0, 10.0)])
def test_what_outlasts_its_estimate_goes_on_for_as_long_again_or_to_its_deadline(taken_s, left_s):
    clock = Clock()
    queue = DecodeQueue(["only"], clock=clock)
    queue.add(1.0)
    queue.add(0.5)
    with queue.acquire(1.0, clock.now + 10.0):
        clock.now += taken_s
        assert queue.wait_s() == pytest.approx(left_s + 0.5)


def test_pace_is_that_of_a_like_queue_until_it_is_known():
    clock = Clock()
    plain = DecodeQueue(["only"], clock=clock)
    other = DecodeQueue(["only"], like=plain, clock=clock)
    decode_one(plain, clock, 1.0, 4.0)
    assert other.pace() == plain.pace() == pytest.approx(2.0)
    decode_one(other, clock, 1.0, 8.0)
    assert other.pace() == pytest.approx(4.0)


def refusal_of(queue, deadline, refusals, **options):
    """A thread's work: to be refused a decoder."""

    def be_refused():
        with pytest.raises(OpsinError) as refused, queue.acquire(0.1, deadline, **options):
            pass
        refusals.append(refused.value)

    return be_refused


@pytest.mark.parametrize("taken_s", [6.0, 9.95])
def test_who_waits_for_what_outlasts_its_estimate_hears_before_the_deadline_that_there_is_no_time(taken_s):
    clock = Clock()
    queue = DecodeQueue(["only"], clock=clock)
    refusals = []
    be_refused = refusal_of(queue, clock.now + 10.0, refusals)
    with waiting(queue, be_refused, cost_s=1.0, deadline=clock.now + 20.0):
        clock.now += taken_s
        wait_until(lambda: refusals)
    assert isinstance(refusals[0], Overloaded)
    assert "decoding takes longer than it did" in str(refusals[0])
    assert refusals[0].retry_after_s == math.ceil(taken_s - 1.0 + 0.1)


def test_who_waits_goes_on_where_what_runs_may_end_in_time():
    clock = Clock()
    queue = DecodeQueue(["only"], clock=clock)
    served = []

    def be_served():
        with queue.acquire(0.1, 110.0):
            served.append(clock.now)

    with waiting(queue, be_served, cost_s=1.0, deadline=120.0):
        clock.now += 5.0
        time.sleep(2 * LOOK_AGAIN_S)
    assert served == [105.0]


def test_who_has_gone_waits_no_more_and_costs_nothing():
    queue = DecodeQueue(["only"])
    refusals = []

    def check_client():
        raise ClientGone("gone")

    be_refused = refusal_of(queue, time.monotonic() + SOON_S, refusals, check_client=check_client)
    with waiting(queue, be_refused):
        wait_until(lambda: refusals)
        assert num_waiting(queue) == 0
    with waiting(queue, be_refused):
        pass  # so that it hears of it when it has been given the decoder
    assert [type(error) for error in refusals] == [ClientGone, ClientGone]
    with queue.acquire(0.1, time.monotonic() + SOON_S) as decoder:
        assert decoder == "only"
