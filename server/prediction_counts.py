"""Counts answers by version, class and confidence, in memory that all HTTP workers share; the latest are remembered.

Each worker writes its own rows, one for a version, so that no lock crosses processes, and its successor goes on with
them. The memory is made before the first fork and is taken page by page, as classes are counted: 8 bytes for each.
Who reads while another counts may be an answer off; nothing else depends on the order in which its writes are seen.
"""

from __future__ import annotations

import mmap
import threading
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.store.expected_answers import CONFIDENCE_BOUNDS
from server.engine.catalogue import ServedModel, key_of

NUM_ROWS = 128  # versions that a worker counts at a time; with more, the one that was first counted begins anew
NUM_RECENT = 2048  # answers that a worker remembers of a version
NUM_BINS = len(CONFIDENCE_BOUNDS)
BINS_OF_CODE = 16  # an answer is remembered as class * BINS_OF_CODE + bin
MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # Python 3.11 does not name it


@dataclass(frozen=True, slots=True)
class Counted:
    """Answers of one version, of all workers.

    Attributes:
        classes: numbers of answers, int64 [C].
        confidence: the same by bin, int64 [NUM_BINS].
        confidence_sum: of all answers.
        recent_classes: numbers of the latest answers alone, int64 [C].
        recent_confidence: the same by bin.
    """

    classes: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.int64]
    confidence_sum: float
    recent_classes: npt.NDArray[np.int64]
    recent_confidence: npt.NDArray[np.int64]


class PredictionCounts:
    """To be made before the workers are forked.

    Args:
        num_workers: each notes in rows of its own.
        max_classes: of a model.
    """

    def __init__(self, num_workers: int = 1, *, max_classes: int = 65_536) -> None:
        shape = (num_workers, NUM_ROWS)
        self._worker = 0
        self._keys = _shared(np.uint64, *shape)
        self._totals = _shared(np.int64, *shape)
        self._num_opened = _shared(np.int64, num_workers)
        self._num_classes = _shared(np.int64, *shape)
        self._classes = _shared(np.int64, *shape, max_classes)
        self._confidence = _shared(np.int64, *shape, NUM_BINS)
        self._sums = _shared(np.float64, *shape)
        self._recent = _shared(np.int32, *shape, NUM_RECENT)
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, int], _Row] = {}

    def begin_as(self, worker: int) -> None:
        """Note as one of the workers from here on."""
        self._worker = worker
        self._rows.clear()

    def note(self, model: ServedModel, probabilities: npt.NDArray[np.float32]) -> None:
        """Count an answer, float32 [C]."""
        likeliest = int(probabilities.argmax())
        confidence = float(probabilities[likeliest])
        bin_index = min(bisect_left(CONFIDENCE_BOUNDS, confidence), NUM_BINS - 1)  # 1 may be a little more
        version = model.name, model.version
        with self._lock:
            row = self._rows.get(version)
            if row is None:
                row = self._rows[version] = self._row(self._open(model))
            row.classes[likeliest] += 1
            row.confidence[bin_index] += 1
            row.sums[0] += confidence
            total = row.totals[0]
            row.recent[total % NUM_RECENT] = likeliest * BINS_OF_CODE + bin_index
            row.totals[0] = total + 1

    def counted(self, model: ServedModel) -> Counted:
        """Sum up the answers of a version."""
        num_classes = len(model.labels)
        key = key_of(model.name, model.version)
        rows = [(int(worker), int(row)) for worker, row in np.argwhere(self._keys == np.uint64(key))]
        nothing = np.zeros(0, np.int32)
        codes = np.concatenate([nothing, *(self._recent[at][: self._totals[at]] for at in rows)])
        return Counted(
            classes=sum((self._classes[at][:num_classes] for at in rows), np.zeros(num_classes, np.int64)),
            confidence=sum((self._confidence[at] for at in rows), np.zeros(NUM_BINS, np.int64)),
            confidence_sum=float(sum(self._sums[at] for at in rows)),
            recent_classes=np.bincount(codes // BINS_OF_CODE, minlength=num_classes)[:num_classes],
            recent_confidence=np.bincount(codes % BINS_OF_CODE, minlength=NUM_BINS)[:NUM_BINS],
        )

    def _row(self, number: int) -> _Row:
        at = self._worker, number
        one = (self._worker, slice(number, number + 1))
        arrays = (self._classes[at], self._confidence[at], self._recent[at], self._sums[one], self._totals[one])
        views: list[Any] = [array.data for array in arrays]
        return _Row(number, *views)

    def _open(self, model: ServedModel) -> int:
        """Find a version's row, of a predecessor maybe, or clear one for it."""
        worker, key = self._worker, np.uint64(key_of(model.name, model.version))
        if len(known := np.flatnonzero(self._keys[worker] == key)):
            return int(known[0])
        row = int(self._num_opened[worker] % NUM_ROWS)
        self._num_opened[worker] += 1
        self._rows = {version: other for version, other in self._rows.items() if other.number != row}
        self._keys[worker, row] = 0
        self._classes[worker, row, : self._num_classes[worker, row]] = 0
        for counts in (self._confidence, self._sums, self._totals):
            counts[worker, row] = 0
        self._num_classes[worker, row] = len(model.labels)
        self._keys[worker, row] = key
        return row


class _Row(NamedTuple):
    """Views of a worker's row for one version, which read and write single numbers as Python's own."""

    number: int
    classes: memoryview[int]
    confidence: memoryview[int]
    recent: memoryview[int]
    sums: memoryview[float]  # one
    totals: memoryview[int]  # one


def _shared(dtype: npt.DTypeLike, *shape: int) -> npt.NDArray[Any]:
    num_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = mmap.mmap(-1, num_bytes, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
    return np.frombuffer(memory, dtype).reshape(shape)
