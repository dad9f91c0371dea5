"""Runs batches in the threads of an engine, one batch each at a time; native code runs without the GIL.

Owns the threads, and an epoll in which those that are free listen at the engine's doorbell. Each ring wakes one of
them, which takes its share of all that waits; the batcher rings for the next one only where something is left. So no
thread stands between the doorbell and the model, and none wants a core for nothing. Where a lone image has every core,
its runner waits for it without sleeping once it has been announced.
"""

from __future__ import annotations

import logging
import math
import select
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from server.engine.batcher import Batch, Batcher
from server.engine.busy_wait import BusyWait
from server.engine.catalogue import ServedModel
from server.engine.explanation import NOTHING, num_values, write_explanation
from server.engine.loaded import LoadedModel
from server.engine.service_rate import ServiceRate
from server.engine.shadows import Shadows, ShadowTask
from server.engine.slot_table import SlotTable, Status

log = logging.getLogger("opsin.engine")

LISTEN_S = 60.0
LOOK_FOR_SPARE_S = 0.01  # whether a shadow may run, where one waits: nobody rings when a client's image leaves its slot

NoteBatch = Callable[[Sequence[float], float, float, ServedModel | None], None]
NoteRun = Callable[[Batch, float, float], None]


class Runners:
    """The inference threads of one engine.

    Args:
        table: the slots.
        engine: whose runners they are.
        batcher: deals out the work.
        models: what is loaded, by key; whoever changes it puts another mapping in its place (`self.models`).
        num_runners: threads.
        awaits_lone: whether a lone image runs on all cores, and is to be announced.
        note_batch: called after each batch with the seconds that each image had waited, those that they ran, and those
            that they were held back for others; and with the model, None where it has gone meanwhile.
        note_run: called with each batch, when it began to run and when it had, before its outcome is announced.
        shadows: what to run while there is nothing else to do.
    """

    def __init__(
        self,
        table: SlotTable,
        engine: int,
        batcher: Batcher,
        *,
        models: Mapping[int, LoadedModel],
        num_runners: int,
        awaits_lone: bool = False,
        note_batch: NoteBatch = lambda *_: None,
        note_run: NoteRun | None = None,
        shadows: Shadows | None = None,
    ) -> None:
        self.models = models
        self._shadows = shadows or Shadows()
        self._note_batch, self._note_run = note_batch, note_run
        self._table, self._engine, self._batcher = table, engine, batcher
        self._doorbell = select.epoll()
        self._doorbell.register(table.doorbells[engine], select.EPOLLIN | select.EPOLLET)  # an event for each ring
        self._busy_wait = BusyWait()
        table.awaits_lone[engine] = self._awaits_lone = awaits_lone
        table.is_awake[engine] = 0  # a predecessor may have died awake
        self._is_closed = False
        self._service_rate = ServiceRate(table, engine, num_runners=num_runners)
        self._threads = [
            threading.Thread(target=self._run_batches, args=(number,), name=f"opsin-runner-{number}", daemon=True)
            for number in range(num_runners)
        ]

    def start(self) -> None:
        """Start working."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop after the batches in hand; what waits goes on waiting. A second call does nothing."""
        self._is_closed = True
        while any(thread.is_alive() for thread in self._threads):
            self._table.ring(self._table.doorbells[self._engine])
            for thread in self._threads:
                thread.join(0.01)
        self._doorbell.close()

    def _run_batches(self, number: int) -> None:
        while (batch := self._wait_for_batch()) is not None:
            started = time.monotonic()
            self._table.numbers.running_since[self._engine, number] = started
            if isinstance(batch, ShadowTask):
                self._shadows.run(batch, self.models.get(batch.key), runner=number)
                self._table.numbers.running_since[self._engine, number] = 0.0
                self._ring_for_shadows()
                continue
            submitted = [self._table.numbers.submitted[slot] for slot in batch.slots]
            statuses = self._run_batch(batch, number)
            self._table.numbers.running_since[self._engine, number] = 0.0
            ended = time.monotonic()
            if self._note_run is not None:
                self._note_run(batch, started, ended)
            self._batcher.finish(batch, statuses)
            self._service_rate.note(len(batch.slots), submitted=min(submitted), started=started, ended=ended)
            self._ring_for_shadows()
            held_s = 0.0 if batch.held_since is None else started - batch.held_since
            loaded, waits_s = self.models.get(batch.model), [started - since for since in submitted]
            self._note_batch(waits_s, ended - started, held_s, loaded.served if loaded else None)

    def _ring_for_shadows(self) -> None:
        """Wake whoever listens where there may be nothing else to do now."""
        if self._shadows.has_waiting:
            self._table.ring(self._table.doorbells[self._engine])

    def _wait_for_batch(self) -> Batch | ShadowTask | None:
        """Wait for the next batch, or take an image for a shadow where nothing waits or runs; None once closed."""

        def max_batch(model: int) -> int | None:
            loaded = self.models.get(model)
            return loaded.max_batch if loaded else None

        table, may_await, lone_slot = self._table, self._awaits_lone, None
        while not self._is_closed:
            batch_or_delay_s = self._batcher.next_batch(max_batch, lone_slot=lone_slot)
            if isinstance(batch_or_delay_s, Batch):
                return batch_or_delay_s
            lone_slot = None
            is_announced = self._awaits_lone and table.is_lone_announced
            if is_announced and may_await and not table.numbers.is_awake[self._engine]:
                may_await, lone_slot = self._await_lone(), table.lone_slot
                continue
            is_wanted = self._shadows.has_waiting and batch_or_delay_s is None and not is_announced
            if is_wanted and self._has_spare_core and (task := self._shadows.begin()) is not None:
                return task
            listen_s = LOOK_FOR_SPARE_S if is_wanted else LISTEN_S
            self._doorbell.poll(listen_s if batch_or_delay_s is None else batch_or_delay_s)
            may_await = self._awaits_lone
        return None

    @property
    def _has_spare_core(self) -> bool:
        """Tell whether nothing is run, and clients have fewer images in hand, decoded too, than there are cores."""
        return self._batcher.is_idle and self._table.num_in_use < max(2, len(self._threads))

    def _await_lone(self) -> bool:
        """Wait awake until the image that was announced is there, or others are; False where that takes too long.

        Nobody rings meanwhile, which would wake another runner. Who submits an image and sees that has announced it
        before; so there is to be a look at what waits after this one.
        """
        table = self._table
        table.numbers.is_awake[self._engine] = 1
        table.fence()
        has_come = self._busy_wait.wait(lambda: not table.is_lone_announced)
        table.numbers.is_awake[self._engine] = 0
        table.fence()
        return has_come

    def _run_batch(self, batch: Batch, number: int) -> list[Status]:
        """Run the model on a batch, and leave the probabilities in its slots."""
        loaded = self.models.get(batch.model)
        if loaded is None:  # freed between the taking and now
            return [Status.GONE] * len(batch.slots)
        statuses = []
        rows = self._probabilities(loaded, batch.slots, number, is_lone=batch.is_lone)
        if self._shadows.watches(batch.model):
            self._shadows.offer(batch.model, self._images(loaded, batch.slots), rows)
        for slot, row in zip(batch.slots, rows, strict=True):
            is_valid = row is not None and math.isfinite(sum(row.tolist()))  # as it is where all of it is
            if row is not None and is_valid:
                self._table.probabilities(slot, len(row))[:] = row
            statuses.append(Status.OK if is_valid else Status.FAILED)
        return statuses

    def _probabilities(
        self, loaded: LoadedModel, slots: Sequence[int], number: int, *, is_lone: bool
    ) -> Sequence[NDArray[np.float32] | None]:
        """Run the images together; where that fails, each by itself, so that only the culprit gives None."""
        images = self._images(loaded, slots)
        try:
            rows = list(loaded.run(images, runner=number, is_lone=is_lone))
            self._explain(loaded, slots, rows, number, is_lone=is_lone)
            return rows
        except Exception as error:  # noqa: BLE001 - whatever native code raises, the runner goes on
            log.warning("the model failed on %d images: %s", len(images), error)
            if len(images) == 1:
                return [None]
            return [self._probabilities(loaded, [slot], number, is_lone=False)[0] for slot in slots]

    def _images(self, loaded: LoadedModel, slots: Sequence[int]) -> list[NDArray[np.uint8]]:
        pixels = loaded.served.pixels
        return [self._table.pixels(slot, pixels.height_px, pixels.width_px) for slot in slots]

    def _explain(
        self,
        loaded: LoadedModel,
        slots: Sequence[int],
        rows: Sequence[NDArray[np.float32]],
        number: int,
        *,
        is_lone: bool,
    ) -> None:
        """Leave explanations in the slots that want one, of those that have just been run."""
        for index, (slot, row) in enumerate(zip(slots, rows, strict=True)):
            if (wanted := self._table.numbers.wanted[slot]) != NOTHING and loaded.head is not None:
                memory = self._table.explanation(slot, num_values(loaded.head.shape))
                features = loaded.features(index, runner=number, is_lone=is_lone)
                write_explanation(memory, loaded.head, features, wanted=wanted, probabilities=row)
