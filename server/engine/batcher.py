"""Decides which of the slots that wait for an engine run together, and when.

Knows the slot table and the clock, no threads and no models; the engine's runners call it, any number at once. A runner
that is free takes what waits, in turn (`server.engine.turns`): its fair share of it, at most `max_batch`, all for one
model. What nobody waits for any more is completed without running. Images that were being run when an engine died are
suspects: each of them runs while nothing else does, and after MAX_ATTEMPTS no more. So an image that crashes native
code is found, and takes no other with it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.engine.slot_table import SlotTable, Status
from server.engine.turns import in_turn

MAX_ATTEMPTS = 3

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Batch:
    """Slots to run together.

    Attributes:
        model: the key of their model, see `server.engine.catalogue.key_of`.
        slots: at least one.
        tickets: one for each of the slots.
        is_lone: nothing else runs or is about to, so every core may work on this one image.
        held_since: when a runner was free for it and it was held back for others to fill it; None where it was not.
    """

    model: int
    slots: tuple[int, ...]
    tickets: tuple[int, ...]
    is_lone: bool
    held_since: float | None = None


class Batcher:
    """Makes batches of the pending slots of one engine.

    Args:
        table: the slots.
        engine: its number.
        num_runners: how many threads call `next_batch`.
        max_queue_delay_s: how long an image may wait for others to fill its batch.
        clock: monotonic, as the deadlines are.
    """

    def __init__(
        self,
        table: SlotTable,
        engine: int,
        *,
        num_runners: int,
        max_queue_delay_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table, self._engine, self._clock = table, engine, clock
        self._num_runners, self._max_queue_delay_s = num_runners, max_queue_delay_s
        self._lock = threading.Lock()
        self._in_batch = np.zeros(table.num_slots, np.bool_)
        self._num_busy = 0
        self._held_since: float | None = None
        self._is_holding_back = False  # while a suspect runs, or waits for the others to end
        self._is_oldest_first = False

    def next_batch(self, max_batch: Callable[[int], int | None]) -> Batch | float | None:
        """Take the next batch for a runner that is free.

        Args:
            max_batch: the most images that a model, given by its key, runs together; None where there is no such model.

        Returns:
            A batch, to be given to `finish` in any case; or the seconds after which to ask again; or None where nothing
            waits.
        """
        with self._lock:
            waiting = self._find_waiting(max_batch)
            suspects = waiting[[self._num_attempts(slot) > 0 for slot in waiting.tolist()]]
            self._is_holding_back |= bool(len(suspects))
            if not len(waiting) or (self._is_holding_back and self._num_busy):
                return None
            if self._is_holding_back:
                return self._begin(suspects[:1], is_lone=True)
            oldest = float(self._table.submitted[waiting[0]])
            waiting = waiting[in_turn(self._table.request_size[waiting], is_oldest_first=self._is_oldest_first)]
            model = int(self._table.model[waiting[0]])
            waiting = waiting[self._table.model[waiting] == model]
            most = max_batch(model) or 1
            if self._max_queue_delay_s and len(waiting) < most:
                delay_s = oldest + self._max_queue_delay_s - self._clock()
                if delay_s > 0:
                    self._held_since = self._held_since or self._clock()
                    return delay_s
            self._is_oldest_first = not self._is_oldest_first
            num_free = max(1, self._num_runners - self._num_busy)
            fair_share = min(most, math.ceil(len(waiting) / num_free))
            is_lone = not self._num_busy and self._table.num_in_use == 1
            return self._begin(waiting[:fair_share], is_lone=is_lone)

    def finish(self, batch: Batch, statuses: Sequence[Status]) -> None:
        """Complete the slots of a batch, whose probabilities are in the slot table, and free its runner.

        One step for `next_batch`: a slot that comes back at once, with another image, must not seem to be in a batch
        still.
        """
        with self._lock:
            for slot, ticket, status in zip(batch.slots, batch.tickets, statuses, strict=True):
                self._complete(slot, ticket, status)
            self._in_batch[list(batch.slots)] = False
            self._num_busy -= 1
            if self._is_holding_back:
                self._is_holding_back = False  # until `next_batch` finds another suspect
                self._table.ring(self._table.doorbells[self._engine])

    @property
    def is_idle(self) -> bool:
        """Tell whether no batch runs."""
        return not self._num_busy

    def is_needed(self, model: int) -> bool:
        """Tell whether a batch of this model runs, or a slot in use may still ask for it."""
        table = self._table
        table.fence()  # who reserves a slot reads the catalogue after one: either it has seen the new one, or is seen
        with self._lock:
            is_wanted = table.in_use.view(np.bool_) & (table.engine == self._engine) & (table.model == model)
            return bool(is_wanted.any() or (self._in_batch & (table.model == model)).any())

    def ring_all(self) -> None:
        """Have every waiter look again: a predecessor may have died between a result and its wake-up."""
        for wakeup in self._table.wakeups:
            self._table.ring(wakeup)

    def _find_waiting(self, max_batch: Callable[[int], int | None]) -> Indices:
        """Find the slots to run, oldest first; complete those that shall not run."""
        table = self._table
        pending = np.flatnonzero((table.ticket != table.completed) & (table.engine == self._engine) & ~self._in_batch)
        if not len(pending):
            return pending
        table.fence()  # what a ticket announces is read after it
        pending = pending[np.argsort(table.submitted[pending], kind="stable")]
        is_cancelled = table.cancelled[pending] == table.ticket[pending]
        is_expired = table.deadline[pending] <= self._clock()
        keep = np.ones(len(pending), np.bool_)
        known = {key: max_batch(key) is not None for key in {int(key) for key in table.model[pending]}}
        for index, slot in enumerate(pending.tolist()):
            if is_cancelled[index]:
                status = Status.CANCELLED
            elif is_expired[index]:
                status = Status.EXPIRED
            elif not known[int(table.model[slot])]:
                status = Status.GONE
            elif self._num_attempts(slot) >= MAX_ATTEMPTS:
                status = Status.FAILED
            else:
                continue
            keep[index] = False
            self._complete(slot, int(table.ticket[slot]), status)
        return pending[keep]

    def _begin(self, slots: Indices, *, is_lone: bool) -> Batch:
        table = self._table
        tickets = table.ticket[slots]
        table.attempts[slots] = np.where(table.attempted[slots] == tickets, table.attempts[slots], 0) + 1
        table.attempted[slots] = tickets
        self._in_batch[slots] = True
        self._num_busy += 1
        held_since, self._held_since = self._held_since, None
        key = int(table.model[slots[0]])
        return Batch(key, tuple(slots.tolist()), tuple(tickets.tolist()), is_lone, held_since)

    def _num_attempts(self, slot: int) -> int:
        """Count how often an engine began to run the slot's image, this engine or its predecessors."""
        table = self._table
        return int(table.attempts[slot]) if table.attempted[slot] == table.ticket[slot] else 0

    def _complete(self, slot: int, ticket: int, status: Status) -> None:
        table = self._table
        table.status[slot] = status
        table.fence()
        table.completed[slot] = ticket
        table.ring(table.wakeups[slot])
