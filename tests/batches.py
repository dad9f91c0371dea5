"""Slots that wait, and the batches that a batcher makes of them."""

from __future__ import annotations

import numpy as np

from server.engine.batcher import Batcher
from server.engine.slot_table import Status

MAX_BATCH = {1: 1, 2: 3, 3: 8}  # of models, by key


def submit(table, slot, *, model=3, deadline=1000.0, submitted=0.0, request_size=1):
    table.model[slot], table.deadline[slot], table.submitted[slot], table.in_use[slot] = model, deadline, submitted, 1
    table.request_size[slot] = request_size
    table.ticket[slot] += np.uint64(1)


def batcher_of(table, clock, **options):
    return Batcher(table, 0, clock=clock, **{"num_runners": 1, **options})


def finish(batcher, batch, status=Status.OK):
    batcher.finish(batch, [status] * len(batch.slots))
