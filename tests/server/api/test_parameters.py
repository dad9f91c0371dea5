"""The parameters of a header."""

from __future__ import annotations

import pytest

from server.api.parameters import MAX_SEMICOLONS, split_parameters
from server.request_errors import RequestError


def test_value_and_parameters_are_told_apart():
    assert split_parameters('form-data; name="image"; filename="a.png"') == (
        "form-data",
        {"name": "image", "filename": "a.png"},
    )
    assert split_parameters(None) == ("", {})


def test_many_parameters_are_refused_before_they_are_split():
    split_parameters("a" + ";" * MAX_SEMICOLONS)
    with pytest.raises(RequestError, match="at most 100 parameters"):
        split_parameters("a" + ";" * (MAX_SEMICOLONS + 1))
