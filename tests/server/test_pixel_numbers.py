"""Pixels as numbers in JSON."""

from __future__ import annotations

import numpy as np
import pytest

from server.pixel_numbers import pixels_of_numbers
from server.request_errors import RequestError


def test_lists_have_their_shape():
    pixels = pixels_of_numbers([[0, 255], [1, 2]], "x")
    assert (pixels.tolist(), pixels.dtype) == ([[0, 255], [1, 2]], np.uint8)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([[1, 2], [3]], "the lists of x must be of equal lengths"),
        ([1.0], "x must be whole numbers from 0 to 255"),
        (["1"], "x must be whole numbers from 0 to 255"),
        ([None], "x must be whole numbers from 0 to 255"),
        ([], "x must be whole numbers from 0 to 255"),
        ([2**70], "x must be whole numbers from 0 to 255"),
        ([-1, 256], "x must be from 0 to 255, got -1 to 256"),
    ],
)
def test_what_is_no_pixel_is_refused(data, message):
    with pytest.raises(RequestError, match=message):
        pixels_of_numbers(data, "x")
