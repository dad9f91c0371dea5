"""When, where and with whom the image of each slot ran: kept beside the slot table for traces and Server-Timing.

The engine writes a slot's row before it announces the outcome, and the slot's worker reads it afterwards, so there is
nothing to lock. The ticket in the row says which image of the slot it is of. Made before the first fork.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass

from models.runtime import RUNTIMES, RuntimeName
from server.engine.batcher import Batch

ROW = struct.Struct("7d")  # ticket, started, ended, held_s, batch_size, pid, runtime


@dataclass(frozen=True, slots=True)
class Run:
    """The run of one image in an engine; times are seconds of the monotonic clock.

    Attributes:
        engine: its number.
        pid: of its process.
        runtime: what ran the model.
        started: when its batch began to run.
        ended: when that was done.
        held_s: how long, up to then, it was held back for others to fill the batch.
        batch_size: images that ran together.
        num_attempts: how often an engine began to run it, this one and those that died of it, or beside it.
    """

    engine: int
    pid: int
    runtime: str
    started: float
    ended: float
    held_s: float
    batch_size: int
    num_attempts: int


class SlotTimings:
    """See the module.

    Args:
        num_slots: of the table.
    """

    def __init__(self, num_slots: int) -> None:
        self._memory = mmap.mmap(-1, num_slots * ROW.size)

    def note(self, batch: Batch, started: float, ended: float, runtime: RuntimeName) -> None:
        """Keep when a batch ran, before its outcome is announced."""
        held_s = 0.0 if batch.held_since is None else started - batch.held_since
        rest = (started, ended, held_s, len(batch.slots), os.getpid(), RUNTIMES.index(runtime))
        for slot, ticket in zip(batch.slots, batch.tickets, strict=True):
            ROW.pack_into(self._memory, slot * ROW.size, ticket, *rest)

    def run_of(self, slot: int, ticket: int, *, submitted: float, engine: int, num_attempts: int) -> Run | None:
        """Tell how a slot's image ran, once its outcome is there; None where it did not."""
        noted_ticket, started, ended, held_s, batch_size, pid, runtime = ROW.unpack_from(self._memory, slot * ROW.size)
        if noted_ticket != ticket:
            return None
        return Run(
            engine=engine,
            pid=int(pid),
            runtime=RUNTIMES[int(runtime)],
            started=started,
            ended=ended,
            held_s=min(held_s, started - submitted),
            batch_size=int(batch_size),
            num_attempts=num_attempts,
        )
