"""What a manifest tells in free JSON is read where it has our form."""

from __future__ import annotations

import pytest

from models.card.told import fraction, interval, mapping, sequence, text, whole


@pytest.mark.parametrize(
    ("read", "value", "found"),
    [
        (mapping, {"a": 1}, {"a": 1}),
        (mapping, [1], {}),
        (sequence, [1], [1]),
        (sequence, "ab", []),
        (text, "ab", "ab"),
        (text, "", None),
        (text, 1, None),
        (text, "a" * 501, "a" * 500),
        (whole, 3, 3),
        (whole, -1, None),
        (whole, True, None),
        (whole, 1.0, None),
        (fraction, 1, 1.0),
        (fraction, 1.5, None),
        (fraction, float("nan"), None),
        (fraction, True, None),
        (fraction, "0.5", None),
        (interval, [0.25, 0.5], [0.25, 0.5]),
        (interval, [0.25], None),
        (interval, [0.25, "a"], None),
        (interval, None, None),
    ],
)
def test_form_that_is_not_ours_is_as_if_it_were_not_told(read, value, found):
    assert read(value) == found
