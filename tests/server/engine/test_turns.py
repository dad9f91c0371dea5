"""Whose turn it is: the smallest request's, and the oldest image's, alternately."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.engine.turns import in_turn


def turns_of(*sizes, is_oldest_first=False):
    return in_turn(np.array(sizes, np.uint64), is_oldest_first=is_oldest_first).tolist()


def test_images_of_requests_of_one_size_run_as_they_came():
    assert turns_of(8, 8, 8) == [0, 1, 2]
    assert turns_of(1) == [0]
    assert turns_of() == []


def test_smallest_request_and_oldest_image_have_their_turns_alternately():
    assert turns_of(32, 32, 32, 8, 1, 1) == [4, 0, 5, 1, 3, 2]
    assert turns_of(32, 32, 32, 8, 1, 1, is_oldest_first=True) == [0, 4, 1, 5, 2, 3]


def test_image_that_is_both_takes_one_turn():
    assert turns_of(1, 32, 1, 32) == [0, 2, 1, 3]


@given(st.lists(st.integers(1, 5), max_size=30), st.booleans())
def test_nobody_waits_for_twice_as_many_as_are_older_or_of_smaller_requests(sizes, is_oldest_first):
    turns = turns_of(*sizes, is_oldest_first=is_oldest_first)
    assert sorted(turns) == list(range(len(sizes)))
    for index, size in enumerate(sizes):
        num_smaller = sum((other, at) < (size, index) for at, other in enumerate(sizes))
        assert turns.index(index) <= 2 * min(index, num_smaller) + 1
