import math

import pytest

from models.checks import at_least, one_of, within


@pytest.mark.parametrize("value", [1, 2.5, math.inf])
def test_values_from_the_minimum_on_pass(value):
    at_least(1, epochs=value, rounds=1)


@pytest.mark.parametrize("value", [0, 0.999, -1, math.nan])
def test_a_value_below_the_minimum_is_named(value):
    with pytest.raises(ValueError, match=f"^rounds must be >= 1, got {value}$"):
        at_least(1, epochs=1, rounds=value)


@pytest.mark.parametrize("interval", ["[0, 1]", "[0, 1)", "(0, 1]", "(0, 1)"])
def test_an_end_belongs_to_an_interval_by_its_bracket(interval):
    within(interval, share=0.5)
    for end, value, is_inside in (("low", 0, interval[0] == "["), ("high", 1, interval[-1] == "]")):
        if is_inside:
            within(interval, **{end: value})
        else:
            with pytest.raises(ValueError, match=f"^{end} must be in .0, 1., got {value}$"):
                within(interval, **{end: value})
    for value in (-0.01, 1.01, math.nan):
        with pytest.raises(ValueError, match=f"^share must be in .0, 1., got {value}$"):
            within(interval, share=value)


def test_a_value_that_is_not_among_the_allowed_is_named():
    one_of(["batch", "group"], norm="group")
    with pytest.raises(ValueError, match=r"^norm must be one of batch, group, got 'layer'$"):
        one_of(["batch", "group"], norm="layer")
