"""Pixels that come as numbers in JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.request_errors import RequestError


def pixels_of_numbers(data: Any, where: str) -> NDArray[np.uint8]:
    """Make pixels of nested lists.

    Returns:
        uint8, of the shape that the lists have.

    Raises:
        RequestError: they are not of equal lengths, or hold anything but whole numbers from 0 to 255.
    """
    try:
        numbers = np.asarray(data)
    except ValueError:
        raise RequestError(f"the lists of {where} must be of equal lengths") from None
    if numbers.dtype.kind not in "iu" or not numbers.size:
        raise RequestError(f"{where} must be whole numbers from 0 to 255")
    if numbers.min() < 0 or numbers.max() > 255:
        raise RequestError(f"{where} must be from 0 to 255, got {numbers.min()} to {numbers.max()}")
    return numbers.astype(np.uint8)
