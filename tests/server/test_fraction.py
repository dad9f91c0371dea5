"""Fractions as clients write them."""

import pytest

from server.fraction import fraction


@pytest.mark.parametrize(("text", "number"), [("0.95", 0.95), (".5", 0.5), ("0.05", 0.05), ("0.9900", 0.99)])
def test_decimal_numbers_between_0_and_1_are_read(text, number):
    assert fraction(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "1",
        "0.0",
        "1.0",
        "0.",
        "95",
        "95%",
        "-0.5",
        "+0.5",
        " 0.5",
        "5e-1",
        "nan",
        "0,95",
        "\u0660.\u0669",
        "." + 21 * "9",
        "." + 20 * "9",
    ],
)
def test_all_else_is_refused(text):
    with pytest.raises(ValueError, match=r"^a decimal number between 0 and 1, such as 0\.95$"):
        fraction(text)
