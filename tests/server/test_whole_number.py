"""What counts as a whole number in a setting or a query."""

from __future__ import annotations

import pytest

from server.whole_number import whole_number


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("007", 7), ("50", 50)])
def test_decimal_digits_within_the_bounds_are_a_number(text, number):
    assert whole_number(text, 1, 50) == number


@pytest.mark.parametrize("text", ["", "0", "51", "-1", "+1", "1.0", "1e1", " 1", "1_0", "٣", "0" * 20 + "1"])
def test_anything_else_is_refused_with_the_bounds(text):
    with pytest.raises(ValueError, match=r"^a whole number from 1 to 50$"):
        whole_number(text, 1, 50)
