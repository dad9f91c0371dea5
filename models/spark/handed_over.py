"""Pictures, or their paths, that one process hands to others that it has forked, through memory that they share."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Sequence

from models.predict.pictures import read_file

MAX_PICTURES = 512
_WORD_BYTES = 8
_KEPT_BYTES = 64 * 1024**2  # of memory that is used again; what a batch of large pictures takes beyond that is freed


class HandedOver:
    """Holds one batch; made before the fork.

    The file lies in memory. Who hands over waits for all answers before the next batch, so nothing is locked.
    """

    def __init__(self) -> None:
        self._file = os.memfd_create("opsin-pictures", os.MFD_CLOEXEC)
        self._ends = memoryview(mmap.mmap(-1, _WORD_BYTES * (MAX_PICTURES + 1))).cast("q")

    def hand_over(self, handed: Sequence[bytes | memoryview]) -> None:
        """Put a batch of at most MAX_PICTURES in the place of the last."""
        if os.fstat(self._file).st_size > _KEPT_BYTES:
            os.ftruncate(self._file, _KEPT_BYTES)
        end = 0
        for number, each in enumerate(handed, start=1):
            rest = memoryview(each)
            while rest:
                num_written = os.pwrite(self._file, rest, end)
                rest, end = rest[num_written:], end + num_written
            self._ends[number] = end

    def read_some(self, number: int, num_bytes: int) -> bytes:
        """Read so many bytes of a picture, or all that it has; in any of the processes."""
        first, stop = self._ends[number], self._ends[number + 1]
        return os.pread(self._file, min(num_bytes, stop - first), first)

    def read_file(self, number: int, num_bytes: int) -> bytes:
        """Read so many bytes of the file whose path was handed over, or all that it has."""
        return read_file(os.fsdecode(self.read_some(number, sys.maxsize)), num_bytes)

    def close(self) -> None:
        """Free the memory of this process."""
        os.close(self._file)
