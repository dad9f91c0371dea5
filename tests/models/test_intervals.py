"""Intervals of fractions."""

from __future__ import annotations

import pytest

from models.intervals import Interval, wilson


def test_wilson_is_that_of_the_books():
    # Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_nothing_is_known_of_no_images_and_something_of_one_image():
    assert wilson(0, 0) == (0, 1)
    assert wilson(1, 1) == pytest.approx((0.2065, 1), abs=5e-5)


def test_interval_is_said_in_percent_and_written_with_six_decimals():
    interval = Interval(0.91251239, 0.5)
    assert (interval.in_percent(), interval.in_percent(2)) == ("91.3 to 50.0", "91.25 to 50.00")
    assert interval.to_list() == [0.912512, 0.5]
