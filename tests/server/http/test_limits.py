"""The bytes of uploads in hand: never more than allowed, and none lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.http.limits import UploadBudget


@given(st.lists(st.integers(0, 30), max_size=20))
def test_what_fits_is_counted_and_what_does_not_leaves_no_trace(sizes):
    budget, in_hand = UploadBudget(100), 0
    for size in sizes:
        is_taken = budget.take(size)
        assert is_taken == (in_hand + size <= 100)
        in_hand += size * is_taken
    budget.give_back(in_hand)
    assert budget.take(100)
    assert not budget.take(1)
