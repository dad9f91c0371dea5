"""Counts and tables of a manifest: what is read, and what is refused."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from models.store.columns import count, fraction, from_columns, to_columns, validate_counts


class Pair(NamedTuple):
    left: int
    right: float


def test_table_has_a_list_for_each_column_and_is_read_again():
    columns = to_columns(Pair, [Pair(1, 0.5), Pair(2, 0.25)])
    assert columns == {"left": [1, 2], "right": [0.5, 0.25]}
    assert from_columns(Pair, columns, "table") == (Pair(1, 0.5), Pair(2, 0.25))
    assert from_columns(Pair, to_columns(Pair, []), "table") == ()


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ([], "table must have the columns left, right"),
        ({"left": [1]}, "table must have the columns left, right"),
        ({"left": [1], "right": [1], "more": [1]}, "table must have the columns left, right"),
        ({"left": [1], "right": [1, 2]}, "the columns of table must be lists of the same length"),
        ({"left": "a", "right": "b"}, "the columns of table must be lists of the same length"),
    ],
)
def test_table_that_is_none_is_refused(columns, fault):
    with pytest.raises(ValueError, match=fault):
        from_columns(Pair, columns, "table")


@pytest.mark.parametrize("value", [-1, 1.0, True, "1", None, 2**53])
def test_what_is_no_count_is_refused(value):
    with pytest.raises(ValueError, match="numbers must be whole numbers >= 0"):
        count(value, "numbers")


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), True, "1", None])
def test_what_is_no_fraction_is_refused(value):
    with pytest.raises(ValueError, match=r"it must be a number in \[0, 1\]"):
        fraction(value, "it")


def test_counts_are_as_many_as_there_are_classes():
    assert validate_counts([0, 3], "counts", 2) == (0, 3)
    with pytest.raises(ValueError, match="counts must have 3 numbers, got 2"):
        validate_counts([0, 3], "counts", 3)
