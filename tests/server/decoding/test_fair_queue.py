"""Whose turn it is where small and large images wait."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.decoding.fair_queue import FairQueue, class_of, share_s, sum_by_class


@dataclass(eq=False)
class Item:
    cost_s: float
    request_size: int = 1


def order_of(*costs_s):
    queue = FairQueue()
    for cost_s in costs_s:
        queue.append(Item(cost_s))
    return list(drained(queue))


def drained(queue):
    while queue:
        yield queue.pop().cost_s


def test_classes_are_powers_of_four():
    assert [class_of(cost_s) for cost_s in (0.0625, 0.1249, 0.125, 0.4999, 0.5, 1.9999, 2.0)] == [
        -2,
        -2,
        -1,
        -1,
        0,
        0,
        1,
    ]


def test_small_one_passes_all_large_ones():
    assert order_of(1.0, 1.0, 1.0, 0.01) == [0.01, 1.0, 1.0, 1.0]


def test_those_of_a_class_keep_their_order():
    assert order_of(1.5, 1.0, 1.2) == [1.5, 1.0, 1.2]


def test_image_of_a_small_request_and_the_oldest_one_have_their_turns_alternately_in_a_class():
    queue = FairQueue()
    items = [Item(1.0, size) for size in (32, 32, 32, 1, 1)]
    for item in items:
        queue.append(item)
    order = [items[number] for number in (3, 0, 4, 1, 2)]
    assert [queue.before_s(item) for item in order] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert [queue.pop() for _ in items] == order


@given(
    st.lists(st.tuples(st.sampled_from([0.01, 0.1, 1.0]), st.sampled_from([1, 4, 32]), st.integers(0, 3)), max_size=40)
)
def test_whoever_waits_is_passed_in_its_class_by_no_more_than_twice_as_many_as_came_before(arrivals):
    queue, waiting = FairQueue(), {}

    def serve():
        served = queue.pop()
        own = class_of(served.cost_s)
        del waiting[id(served)]
        for item, _ in waiting.values():
            waiting[id(item)][1] -= class_of(item.cost_s) == own
        assert all(left >= -1 for _, left in waiting.values())

    for cost_s, request_size, num_served in arrivals:
        item = Item(cost_s, request_size)
        queue.append(item)
        waiting[id(item)] = [item, 2 * sum(class_of(each.cost_s) == class_of(cost_s) for each, _ in waiting.values())]
        for _ in range(min(num_served, len(waiting))):
            serve()
    while queue:
        serve()
    assert not waiting


def test_each_class_has_an_equal_share_of_the_time():
    small = [0.25] * 4
    assert order_of(*[1.0] * 3, *small * 3) == [*small[1:], 1.0, *small, 1.0, *small, 1.0, 0.25]


def test_small_ones_that_keep_coming_stop_no_large_one():
    queue = FairQueue()
    queue.append(Item(1.0))
    order = []
    for _ in range(10):
        queue.append(Item(0.25))
        order.append(queue.pop().cost_s)
    assert order.count(1.0) == 1


def test_time_in_which_a_class_waited_for_nothing_is_not_saved_up():
    queue = FairQueue()
    for cost_s in [1.0] * 6:
        queue.append(Item(cost_s))
    first = [queue.pop().cost_s for _ in range(3)]
    for _ in range(20):
        queue.append(Item(0.25))
    assert first == [1.0] * 3
    assert next(number for number, cost_s in enumerate(drained(queue)) if cost_s == 1.0) <= 4


def test_one_that_waits_no_more_costs_its_class_nothing():
    queue = FairQueue()
    items = [Item(1.0), Item(1.0), Item(0.25), Item(0.25)]
    for item in items:
        queue.append(item)
    queue.remove(items[2])
    assert list(drained(queue)) == [0.25, 1.0, 1.0]
    assert not queue


def test_what_comes_before_one_is_its_share_of_each_class():
    queue = FairQueue()
    items = [Item(cost_s) for cost_s in (1.0, 1.0, 1.0, 0.25, 0.25)]
    for item in items:
        queue.append(item)
    assert [queue.before_s(item) for item in items] == [0.5, 1.5, 2.5, 0.25, 0.75]
    assert share_s(sum_by_class([1.0, 1.0, 0.25, 0.25]), 0.25) == pytest.approx(0.5)
