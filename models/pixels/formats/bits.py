"""Reads bits, and numbers in Exp-Golomb code (ITU-T H.265, 9.2; AV1 calls it uvlc)."""

from __future__ import annotations


class Bits:
    """Bits from the first on.

    Raises:
        ValueError: the data is over.
    """

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        """Read an unsigned integer of so many bits."""
        self.skip(count)
        return self._value >> self._left & (1 << count) - 1

    def skip(self, count: int) -> None:
        """Step over so many bits."""
        self._left -= count
        if self._left < 0:
            raise ValueError("truncated")

    def number(self) -> int:
        """Read a number that says itself how long it is."""
        num_zeros = 0
        while not self.take(1):
            num_zeros += 1
        return (1 << num_zeros) - 1 + self.take(num_zeros)
