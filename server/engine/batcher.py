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

from server.engine.slot_table import SlotTable, Status
from server.engine.turns import in_turn

MAX_ATTEMPTS = 3


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
        self._in_batch = [False] * table.num_slots
        self._num_busy = 0
        self._held_since: float | None = None
        self._is_holding_back = False  # while a suspect runs, or waits for the others to end
        self._is_oldest_first = False

    def next_batch(
        self, max_batch: Callable[[int], int | None], *, lone_slot: int | None = None
    ) -> Batch | float | None:
        """Take the next batch for a runner that is free.

        Args:
            max_batch: the most images that a model, given by its key, runs together; None where there is no such model.
            lone_slot: where all that may wait is, of this engine, if that is known.

        Returns:
            A batch, to be given to `finish` in any case; or the seconds after which to ask again; or None where nothing
            waits.
        """
        with self._lock:
            waiting = self._find_waiting(max_batch, self._pending() if lone_slot is None else [lone_slot])
            suspects = [slot for slot in waiting if self._num_attempts(slot)]
            self._is_holding_back |= bool(suspects)
            if not waiting or (self._is_holding_back and self._num_busy):
                return None
            if self._is_holding_back:
                return self._begin(suspects[:1], is_lone=True)
            oldest, num_waiting = self._table.numbers.submitted[waiting[0]], len(waiting)
            if num_waiting > 1:
                waiting = self._in_turn(waiting)
            most = max_batch(self._table.numbers.model[waiting[0]]) or 1
            if self._max_queue_delay_s and len(waiting) < most:
                delay_s = oldest + self._max_queue_delay_s - self._clock()
                if delay_s > 0:
                    self._held_since = self._held_since or self._clock()
                    return delay_s
            self._is_oldest_first = not self._is_oldest_first
            num_free = max(1, self._num_runners - self._num_busy)
            fair_share = min(most, math.ceil(len(waiting) / num_free))
            if fair_share < num_waiting and num_free > 1:  # then another runner has something to do
                self._table.ring(self._table.doorbells[self._engine])
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
            for slot in batch.slots:
                self._in_batch[slot] = False
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
            is_wanted = (table.in_use.view(np.bool_) & (table.engine == self._engine)) | np.array(self._in_batch)
            return bool((is_wanted & (table.model == model)).any())

    def ring_all(self) -> None:
        """Have every waiter look again: a predecessor may have died between a result and its wake-up."""
        for wakeup in self._table.wakeups:
            self._table.ring(wakeup)

    def _pending(self) -> list[int]:
        """List the slots that are not completed, oldest first."""
        table = self._table
        pending = np.flatnonzero((table.ticket != table.completed) & (table.engine == self._engine))
        if len(pending) > 1:
            table.fence()  # what a ticket announces is read after it
            pending = pending[np.argsort(table.submitted[pending], kind="stable")]
        slots: list[int] = pending.tolist()
        return slots

    def _find_waiting(self, max_batch: Callable[[int], int | None], pending: list[int]) -> list[int]:
        """Find the slots to run of those that may be pending, in their order; complete those that shall not run."""
        own, waiting = self._table.numbers, list[int]()
        pending = [slot for slot in pending if own.ticket[slot] != own.completed[slot] and not self._in_batch[slot]]
        if not pending:
            return waiting
        self._table.fence()  # what a ticket announces is read after it
        now = self._clock()
        for slot in pending:
            if own.cancelled[slot] == own.ticket[slot]:
                status = Status.CANCELLED
            elif own.deadline[slot] <= now:
                status = Status.EXPIRED
            elif max_batch(own.model[slot]) is None:
                status = Status.GONE
            elif self._num_attempts(slot) >= MAX_ATTEMPTS:
                status = Status.FAILED
            else:
                waiting.append(slot)
                continue
            self._complete(slot, own.ticket[slot], status)
        return waiting

    def _in_turn(self, waiting: list[int]) -> list[int]:
        """Order what waits as it is its turn, and keep what is for the model of the first."""
        order = in_turn(self._table.request_size[waiting], is_oldest_first=self._is_oldest_first)
        slots = np.array(waiting)[order]
        models = self._table.model[slots]
        of_one: list[int] = slots[models == models[0]].tolist()
        return of_one

    def _begin(self, slots: list[int], *, is_lone: bool) -> Batch:
        own, tickets = self._table.numbers, []
        for slot in slots:
            ticket = own.ticket[slot]
            own.attempts[slot], own.attempted[slot] = self._num_attempts(slot) + 1, ticket
            self._in_batch[slot] = True
            tickets.append(ticket)
        self._num_busy += 1
        held_since, self._held_since = self._held_since, None
        return Batch(own.model[slots[0]], tuple(slots), tuple(tickets), is_lone, held_since)

    def _num_attempts(self, slot: int) -> int:
        """Count how often an engine began to run the slot's image, this engine or its predecessors."""
        own = self._table.numbers
        return own.attempts[slot] if own.attempted[slot] == own.ticket[slot] else 0

    def _complete(self, slot: int, ticket: int, status: Status) -> None:
        table = self._table
        table.numbers.status[slot] = status
        table.fence()
        table.numbers.completed[slot] = ticket
        table.ring(table.wakeups[slot])
