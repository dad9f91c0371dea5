"""The slot table: memory that HTTP workers and engines share, and the wake-ups of who waits.

It holds *slots*, each with room for the pixels of one image and for its probabilities. The slots are dealt out in
partitions, one for each HTTP worker, so that no lock crosses processes. Every field of a slot has one writer:

====================  =========  ==============================================================================
field                 writer     meaning
====================  =========  ==============================================================================
ticket                worker     goes up by one when the slot is submitted
announced             worker     the ticket that the slot will have in a moment
cancelled             worker     the ticket that nobody waits for any more
model, engine         worker     what is to run it, and where
deadline, submitted   worker     seconds of the monotonic clock, which all processes of a machine share
in_use                worker     1 from reservation until nobody waits for the outcome
wanted                worker     what is to be explained, see `server.engine.explanation`; 0 for nothing
request_size          worker     the number of images of its request
completed             engine     the ticket that the outcome belongs to
status                engine     the outcome, see `Status`
attempted, attempts   engine     a ticket, and how often an engine began to run it
====================  =========  ==============================================================================

A slot is *pending* while ``ticket != completed``. That is all there is to know about the work in hand, and it stands in
memory that outlives any process: an engine that starts anew finds what its predecessor left, and runs it. When a worker
dies, the supervisor cancels what was pending in its partition and writes as its owner from then on.

Pixels are copied three times on their way, all in memory: by Pillow out of its own layout, into the slot, and from the
slot into the model's input. Nothing is pickled and no pixel crosses a socket; a wake-up is a number in the kernel.

Order: processors may show one process's writes to another in another order. So what a ticket announces is written
before a `fence` and the ticket after it, a reader calls `fence` between reading the ticket and the rest, and so on for
all that announces something (`server.engine.fence`). A wake-up needs none: the kernel writes and reads it under a lock.

Owns the mappings, one eventfd for each slot (its waiter's wake-up) and one for each engine (its doorbell). Made before
the fork and inherited; the kernel frees it with the last process. Memory of a slot is used from its first image on.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping
from contextlib import suppress
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.engine.fence import Fence
from server.engine.model_control import ModelControl

PAGE_BYTES = mmap.PAGESIZE  # 16 KiB on a Raspberry Pi 5; memory is given back in whole pages
CATALOGUE_BYTES = 8 * 1024**2
MAX_EXPLANATION_VALUES = 8192  # of one image
MAX_RUNNERS = 256
MAX_LOAD_ATTEMPTS = 64
MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # Python 3.11 does not name it

U64, F64, U8 = np.dtype(np.uint64), np.dtype(np.float64), np.dtype(np.uint8)


class Status(IntEnum):
    """The outcome of a slot's image."""

    OK = 0
    FAILED = 1  # the model could not run on these pixels
    EXPIRED = 2  # the deadline passed before it ran
    CANCELLED = 3  # nobody waits for it
    GONE = 4  # the engine does not have that model (any more)


class Numbers:
    """Views of a slot table's arrays, which read and write single numbers as Python's own.

    Numpy's take several times as long, above all where its functions are out of the caches, as between the decoding of
    a lone image and its inference.
    """

    ticket: memoryview[int]
    announced: memoryview[int]
    cancelled: memoryview[int]
    model: memoryview[int]
    engine: memoryview[int]
    deadline: memoryview[float]
    submitted: memoryview[float]
    in_use: memoryview[int]
    request_size: memoryview[int]
    wanted: memoryview[int]
    completed: memoryview[int]
    status: memoryview[int]
    attempted: memoryview[int]
    attempts: memoryview[int]
    seconds_per_image: memoryview[float]
    num_images: memoryview[int]
    awaits_lone: memoryview[int]
    is_awake: memoryview[int]
    catalogue_sequence: memoryview[int]
    running_since: memoryview[float]

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        for name in self.__annotations__:
            setattr(self, name, memoryview(arrays[name]))


class SlotTable:
    """The memory that all processes of a server share.

    Attributes:
        num_slots: in all partitions.
        slots_per_partition: of one worker.
        pixel_bytes: room for the pixels of one image.
        max_classes: room for the probabilities of one image.
        control: what operators ask of the engines.
        numbers: views of its arrays for one number at a time.
    """

    def __init__(
        self, *, num_partitions: int, slots_per_partition: int, num_engines: int, pixel_bytes: int, max_classes: int
    ) -> None:
        """Make the memory and the eventfds.

        Raises:
            OSError: the process may not have as many files (`os.strerror` says which limit).
        """
        self.num_slots = num_slots = num_partitions * slots_per_partition
        self.num_engines = num_engines
        self.slots_per_partition = slots_per_partition
        self.pixel_bytes, self.max_classes = pixel_bytes, max_classes
        self._pixel_stride, self._probability_stride = _pages(pixel_bytes), _pages(4 * max_classes)
        self._explanation_stride = _pages(4 * MAX_EXPLANATION_VALUES)
        self._catalogues = _shared_memory(2 * num_engines * CATALOGUE_BYTES)
        self._probabilities = _shared_memory(num_slots * self._probability_stride)
        self._pixels = _shared_memory(num_slots * self._pixel_stride)
        self._explanations = _shared_memory(num_slots * self._explanation_stride)
        self._fence = Fence()
        self.control = ModelControl(num_engines)

        self.ticket = _shared_array(U64, num_slots)
        self.announced = _shared_array(U64, num_slots)
        self.cancelled = _shared_array(U64, num_slots)
        self.model = _shared_array(U64, num_slots)
        self.engine = _shared_array(U64, num_slots)
        self.deadline = _shared_array(F64, num_slots)
        self.submitted = _shared_array(F64, num_slots)
        self.in_use = _shared_array(U8, num_slots)
        self.request_size = _shared_array(U64, num_slots)
        self.wanted = _shared_array(U64, num_slots)
        self.completed = _shared_array(U64, num_slots)
        self.status = _shared_array(U8, num_slots)
        self.attempted = _shared_array(U64, num_slots)
        self.attempts = _shared_array(U64, num_slots)

        # Of each engine, written by it alone; once it is dead, is_ready by the supervisor, which also counts restarts.
        self.is_ready = _shared_array(U64, num_engines)
        self.heartbeat = _shared_array(F64, num_engines)
        # While there is a queue, see `server.engine.service_rate`.
        self.seconds_per_image = _shared_array(F64, num_engines)
        self.num_images = _shared_array(U64, num_engines)
        self.awaits_lone = _shared_array(U64, num_engines)  # whether it wants to know of a lone image before it comes
        self.is_awake = _shared_array(U64, num_engines)  # whether it looks for images without being rung for
        self.num_restarts = _shared_array(U64, num_engines)
        self.catalogue_sequence = _shared_array(U64, num_engines)
        self.catalogue_size = _shared_array(U64, 2 * num_engines).reshape(num_engines, 2)
        # The versions it began to load and has not finished, see `server.engine.load_attempts`.
        self.load_attempts = _shared_array(U64, num_engines * MAX_LOAD_ATTEMPTS).reshape(num_engines, MAX_LOAD_ATTEMPTS)
        self.shadow_culprit = _shared_array(U64, num_engines)  # see `server.engine.shadows`
        self.running_since = _shared_array(F64, num_engines * MAX_RUNNERS).reshape(num_engines, MAX_RUNNERS)

        self.numbers = Numbers(vars(self))
        self.doorbells = [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(num_engines)]
        self.wakeups = [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(num_slots)]

    def pixels(self, slot: int, height_px: int, width_px: int) -> NDArray[np.uint8]:
        """View the pixels of a slot: uint8 [height_px, width_px, 3]."""
        return np.ndarray((height_px, width_px, 3), np.uint8, self._pixels, slot * self._pixel_stride)

    def probabilities(self, slot: int, num_classes: int) -> NDArray[np.float32]:
        """View the probabilities of a slot: float32 [num_classes]."""
        return np.ndarray((num_classes,), np.float32, self._probabilities, slot * self._probability_stride)

    def explanation(self, slot: int, num_values: int) -> NDArray[np.float32]:
        """View the explanation of a slot: float32 [num_values], at most MAX_EXPLANATION_VALUES."""
        return np.ndarray((num_values,), np.float32, self._explanations, slot * self._explanation_stride)

    def drop_pixels(self, slot: int) -> None:
        """Give the memory of a slot's pixels and explanation back to the system, for all; nobody may use them."""
        self._pixels.madvise(mmap.MADV_REMOVE, slot * self._pixel_stride, self._pixel_stride)
        self._explanations.madvise(mmap.MADV_REMOVE, slot * self._explanation_stride, self._explanation_stride)

    def catalogue(self, engine: int, half: int) -> memoryview:
        """View one half of the room for an engine's catalogue, as `server.engine.shared_catalogue` uses it."""
        start = (2 * engine + half) * CATALOGUE_BYTES
        return memoryview(self._catalogues)[start : start + CATALOGUE_BYTES]

    def partition_of(self, worker: int) -> range:
        """List the slots of one worker."""
        return range(worker * self.slots_per_partition, (worker + 1) * self.slots_per_partition)

    def fence(self) -> None:
        """Keep the reads and writes before it before those after it, in the eyes of every process."""
        self._fence()

    def ring(self, eventfd: int) -> None:
        """Wake whoever waits for an eventfd; ringing it again before it is cleared changes nothing."""
        os.eventfd_write(eventfd, 1)

    def clear(self, eventfd: int) -> None:
        """Reset an eventfd, whether it was rung or not."""
        with suppress(BlockingIOError):
            os.eventfd_read(eventfd)

    def cancel(self, worker: int) -> None:
        """Cancel the slots of a worker that died."""
        own = self.partition_of(worker)
        self.cancelled[own] = self.ticket[own]
        self.in_use[own] = 0

    def reassign(self, engine: int, to: int) -> None:
        """Give the work of an engine that died to another."""
        self.engine[(self.engine == engine) & (self.in_use == 1)] = to
        self.ring(self.doorbells[to])

    @property
    def num_in_use(self) -> int:
        """Count the images that any engine has to do, from reservation to result."""
        return self.numbers.in_use.tobytes().count(1)

    @property
    def is_lone_announced(self) -> bool:
        """Tell whether the only image in hand is still to be submitted, in a moment."""
        slot = self.lone_slot
        return slot is not None and self.numbers.announced[slot] > self.numbers.ticket[slot]

    @property
    def lone_slot(self) -> int | None:
        """Find the slot of the only image in hand; None where there are none or several."""
        in_use = self.numbers.in_use.tobytes()
        return in_use.index(1) if in_use.count(1) == 1 else None

    def num_in_hand(self, engine: int) -> int:
        """Count the images that an engine has to do, from reservation to result."""
        if self.num_engines == 1:
            return self.num_in_use
        return int(np.count_nonzero(self.in_use.view(np.bool_) & (self.engine == engine)))

    def num_before(self, engine: int, request_size: int) -> int:
        """Count the images in hand that will have run before those of a request of that size are through.

        Half of what runs is of the smallest requests (`server.engine.turns`).
        """
        is_not_larger = self.in_use.view(np.bool_) & (self.engine == engine) & (self.request_size <= request_size)
        return min(self.num_in_hand(engine), 2 * int(np.count_nonzero(is_not_larger)))

    def num_waiting(self, engine: int) -> int:
        """Count the images that an engine has to do and has not begun to run."""
        is_waiting = (self.ticket != self.completed) & (self.ticket != self.attempted) & (self.ticket != self.cancelled)
        return int(np.count_nonzero(is_waiting & (self.engine == engine)))

    def models_running(self, engine: int) -> list[int]:
        """List the keys of the versions that an engine has begun to run or to load, and has not finished."""
        runs = (self.attempted == self.ticket) & (self.ticket != self.completed) & (self.engine == engine)
        loads = self.load_attempts[engine]
        keys: list[int] = np.unique(np.concatenate([self.model[runs], loads[loads != 0]])).tolist()
        return keys

    def close(self) -> None:
        """Close the files; the kernel frees the memory with its last user. A second call does nothing."""
        self.control.close()
        while self.wakeups:
            os.close(self.wakeups.pop())
        while self.doorbells:
            os.close(self.doorbells.pop())


def _shared_array(dtype: np.dtype, count: int) -> NDArray:  # type: ignore[type-arg]
    return np.frombuffer(_shared_memory(count * dtype.itemsize), dtype)


def _pages(size: int) -> int:
    return -(-size // PAGE_BYTES) * PAGE_BYTES


def _shared_memory(size: int) -> mmap.mmap:
    """Map memory that forked processes share, and that counts only where it is used."""
    return mmap.mmap(-1, size, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
