"""The data types of the protocol, and how their elements lie in bytes: little-endian, row by row, without padding."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from server.request_errors import RequestError

BYTES = "BYTES"
# By their names in the protocol; BYTES has elements of any length and stands beside them.
NUMBERS = {
    "BOOL": np.dtype("?"),
    **{f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
}
DATATYPES = (*NUMBERS, BYTES)
_LENGTH = struct.Struct("<I")  # in front of each element of BYTES


def split_elements(content: memoryview, num_elements: int, where: str) -> list[memoryview]:
    """Split the bytes of a BYTES tensor into its elements, without a copy.

    Raises:
        RequestError: they are not that many, or their lengths do not add up; begins with ``where``.
    """
    elements: list[memoryview] = []
    position = 0
    while position < len(content) and len(elements) < num_elements:
        start = position + _LENGTH.size
        if start > len(content):
            break
        position = start + _LENGTH.unpack_from(content, position)[0]
        elements.append(content[start:position])
    if position != len(content) or len(elements) != num_elements:
        raise RequestError(
            f"{where} must be {num_elements} elements, each after its length in 4 bytes, little-endian; "
            f"its {len(content)} bytes are not"
        )
    return elements


def join_elements(elements: Iterable[bytes]) -> bytes:
    """Write the elements of a BYTES tensor one after the other, each after its length."""
    return b"".join(piece for element in elements for piece in (_LENGTH.pack(len(element)), element))


def numbers_of(content: memoryview, datatype: str, shape: Sequence[int]) -> NDArray[np.generic]:
    """View the bytes of a tensor of numbers as an array; their number has been checked."""
    return np.frombuffer(content, NUMBERS[datatype]).reshape(shape)
