"""Counts in prometheus_client's files, and in its histograms, by a fraction of its code.

A request that a worker runs to completion changes some thirty numbers, each of which took two Python functions, a look
at the number of the process and two doubles that are packed. Here it is one addition, in the file itself.
"""

from __future__ import annotations

import mmap
import threading
from bisect import bisect_left
from collections.abc import Callable
from functools import partial
from typing import Any

from prometheus_client import Counter, Histogram, values

DOUBLE_BYTES = 8


class MappedValue:
    """A double in a file, behind its key; the time beside it stays 0.

    Attributes:
        lock: of all values of a process.
        cells: the file, as far as it reached when the value was made.
        cell: which of them it is.
    """

    lock: threading.Lock
    cells: memoryview[float]
    cell: int

    def inc(self, amount: float) -> None:
        """Add to it."""
        with self.lock:
            self.cells[self.cell] += amount

    def get(self) -> float:
        """Read it."""
        return self.cells[self.cell]


def mapped_values(place: str) -> type[MappedValue]:
    """Make the class of values that a process keeps under its place, in the folder of PROMETHEUS_MULTIPROC_DIR."""
    of_library: Any = values.MultiProcessValue(partial(str, place))  # type: ignore[no-untyped-call]
    cells_of: dict[Any, memoryview[float]] = {}

    class ValueOfPlace(MappedValue, of_library):  # type: ignore[misc]
        lock = threading.Lock()

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            file = self._file
            self.cell = file._positions[self._key] // DOUBLE_BYTES
            with self.lock:
                if self.cell >= len(cells_of.get(file, ())):  # the file has grown
                    cells_of[file] = memoryview(mmap.mmap(file._f.fileno(), 0)).cast("d")
                self.cells = cells_of[file]

    return ValueOfPlace


def adder(counter: Counter) -> Callable[[float], None]:
    """Give what adds to a counter; nothing negative, which it does not check."""
    add: Callable[[float], None] = counter._value.inc
    return add


def observer(histogram: Histogram) -> Callable[[float], None]:
    """Give what observes a value in a histogram."""
    total, buckets, bounds = histogram._sum, histogram._buckets, histogram._upper_bounds
    if not isinstance(total, MappedValue):

        def observe_in_memory(value: float) -> None:
            total.inc(value)
            buckets[bisect_left(bounds, value)].inc(1)

        return observe_in_memory
    lock, sums, cell = total.lock, total.cells, total.cell
    places = [(bucket.cells, bucket.cell) for bucket in buckets]

    def observe(value: float) -> None:
        with lock:
            sums[cell] += value
            counts, place = places[bisect_left(bounds, value)]
            counts[place] += 1

    return observe
