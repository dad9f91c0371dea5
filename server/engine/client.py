"""The HTTP worker's side of the slot table: slots for requests, and the wait for their answers.

Owns the slots of one partition. A request thread waits at its slot's own eventfd (`server.engine.slot`), so it is
woken by the runner that has its answer and by nobody else; it watches its client's socket at the same time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache

from models.runtime_choice.record import RuntimeChoice
from server.engine.catalogue import Catalogue, RefusedModel, ServedModel, key_of
from server.engine.errors import EngineNotReady, ModelGone
from server.engine.model_control import ModelControl
from server.engine.shared_catalogue import CatalogueReader
from server.engine.slot import Slot, Waiter
from server.engine.slot_table import SlotTable
from server.engine.slot_timings import SlotTimings
from server.engine.traffic_split import TrafficSplit
from server.request_errors import Overloaded

LOOK_AGAIN_S = 0.02  # while nothing is loaded yet
MARGIN = 1.5  # of the predicted wait: a request refused now is better off than one that waits in vain

_key_of = lru_cache(maxsize=256)(key_of)


@dataclass(frozen=True, slots=True)
class EngineState:
    """The state of one engine at this moment.

    Attributes:
        is_up: loaded, warm, and not known to be dead.
        num_restarts: since the server started.
        num_in_hand: images, from reservation to answer.
        num_waiting: those of them that have been submitted and have not begun to run.
        models: the versions that it serves.
        runtimes: of what runs each of them, and why.
        refused: the versions that it should serve and cannot.
        splits: of the models that have a canary.
    """

    is_up: bool
    num_restarts: int
    num_in_hand: int
    num_waiting: int
    models: tuple[ServedModel, ...]
    runtimes: tuple[RuntimeChoice, ...]
    refused: tuple[RefusedModel, ...]
    splits: tuple[TrafficSplit, ...]


class EngineClient:
    """The engines, as one HTTP worker sees them. Safe to use from many threads at once.

    Args:
        table: inherited from the supervisor.
        worker: whose partition of the slots to use; what a predecessor left there is cancelled.
        timings: of what the engines run; None where nobody asks for them.
        clock: monotonic.
    """

    def __init__(
        self,
        table: SlotTable,
        worker: int,
        *,
        timings: SlotTimings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table, self._timings, self._clock = table, timings, clock
        self._catalogues = [CatalogueReader(table, engine) for engine in range(table.num_engines)]
        self._lock = threading.Lock()
        table.cancel(worker)
        slots = table.partition_of(worker)
        self._cancelled = [slot for slot in slots if table.ticket[slot] != table.completed[slot]]
        self._free = [slot for slot in reversed(slots) if slot not in self._cancelled]
        self._is_closed = False

    @property
    def is_ready(self) -> bool:
        """Tell whether the engines take work, with every model that can be loaded warm."""
        return not self._is_closed and bool(self._table.is_ready.any()) and self.catalogue.default is not None

    @property
    def catalogue(self) -> Catalogue:
        """The models that are served; none before the first one is loaded.

        The default is the one that the first engine tells, whoever is to answer: so all workers have the same, whatever
        the engines could load, and it outlives the engine (`server.engine.registry` keeps it).
        """
        first = self._catalogues[0].read()
        if len(self._catalogues) == 1:
            return first
        catalogue = self._catalogues[self._least_busy()].read()
        return catalogue if catalogue is first else replace(catalogue, default=first.default)

    @property
    def control(self) -> ModelControl:
        """What operators ask of the engines."""
        return self._table.control

    @property
    def num_slots(self) -> int:
        """The number of images that may be in hand, in all HTTP workers together."""
        return self._table.num_slots

    @property
    def states(self) -> Sequence[EngineState]:
        """The states of the engines, one for each device."""
        table = self._table
        states = []
        for engine, reader in enumerate(self._catalogues):
            catalogue = reader.read()
            state = EngineState(
                is_up=bool(table.is_ready[engine]),
                num_restarts=int(table.num_restarts[engine]),
                num_in_hand=table.num_in_hand(engine),
                num_waiting=table.num_waiting(engine),
                models=catalogue.models,
                runtimes=catalogue.runtimes,
                refused=catalogue.refused,
                splits=catalogue.splits,
            )
            states.append(state)
        return states

    def wait_until_served(self, deadline: float) -> Catalogue:
        """Wait until there is a default, which there is from the first model on, and return what is served.

        Raises:
            EngineNotReady: there was none by the deadline.
        """
        while (catalogue := self.catalogue).default is None:
            if self._clock() >= deadline:
                raise EngineNotReady("the model is still loading, try again soon")
            time.sleep(LOOK_AGAIN_S)
        return catalogue

    @contextmanager
    def reserve(
        self, model: ServedModel, num_images: int, *, deadline: float, client_fd: int | None = None
    ) -> Iterator[Sequence[Slot]]:
        """Reserve one slot per image. Leaving the context gives them back; what has not run by then never will.

        Args:
            model: one of the catalogue's.
            num_images: at least one.
            deadline: by which the answers are wanted.
            client_fd: the socket of whoever asked; when the client closes it, or its half of it, the work is dropped.

        Raises:
            Overloaded: more images wait already than can be answered in time, or than there is room for.
            ModelGone: the model has been replaced.
            EngineNotReady: the server is stopping.
        """
        table, own, engine = self._table, self._table.numbers, self._least_busy()
        numbers = self._allocate(engine, num_images, deadline)
        try:
            key = _key_of(model.name, model.version)
            for number in numbers:  # an engine keeps a model that a slot asks for; one that it has freed before is gone
                own.model[number], own.engine[number], own.deadline[number] = key, engine, deadline
            table.fence()
            if model not in self._catalogues[engine].read().models:
                raise ModelGone("the model was replaced while the request was read")
            waiter = Waiter(table, deadline, client_fd)
            yield [Slot(table, number, model, waiter, self._timings) for number in numbers]
        finally:
            self._release(numbers)

    def wait_s_if_full(self) -> float | None:
        """Predict in how many seconds the images in hand will be done, if no slot is free; None if one is.

        A look in passing, for whoever wants to refuse a request before reading it; `reserve` has the last word.
        """
        if self._free or self._cancelled:
            return None
        return self._wait_s(self._least_busy())

    def drop_free_pixels(self) -> None:
        """Give back the memory of slots that are free; the next images there take it anew."""
        with self._lock:
            for number in self._free:
                self._table.drop_pixels(number)

    def close(self) -> None:
        """Take no more work. The engines go on; they are the supervisor's."""
        self._is_closed = True

    def _least_busy(self) -> int:
        table = self._table
        if table.num_engines == 1:
            return 0
        return min(range(table.num_engines), key=lambda engine: (not table.is_ready[engine], table.num_in_hand(engine)))

    def _allocate(self, engine: int, num_images: int, deadline: float) -> list[int]:
        with self._lock:
            if self._is_closed:
                raise EngineNotReady("the server is stopping")
            own = self._table.numbers
            done = [slot for slot in self._cancelled if own.ticket[slot] == own.completed[slot]]
            for slot in done:
                self._cancelled.remove(slot)
                self._free.append(slot)
            num_in_hand = self._table.num_in_hand(engine)
            num_before = self._table.num_before(engine, num_images) if num_in_hand else 0
            wait_s = num_before * own.seconds_per_image[engine]
            # One with many images leaves room for smaller ones, which many such requests would else keep out.
            num_wanted = 2 * num_images - 1 if num_in_hand else num_images
            if num_wanted > len(self._free) or (num_in_hand and self._clock() + MARGIN * wait_s > deadline):
                raise Overloaded(f"{num_in_hand} images wait already, try again later", wait_s=wait_s)
            numbers = [self._free.pop() for _ in range(num_images)]
            for number in numbers:
                own.request_size[number], own.in_use[number] = num_images, 1
            return numbers

    def _wait_s(self, engine: int) -> float:
        """Predict in how many seconds an engine will have done all its images."""
        return self._table.num_in_hand(engine) * float(self._table.seconds_per_image[engine])

    def _release(self, numbers: Sequence[int]) -> None:
        own = self._table.numbers
        with self._lock:
            for number in numbers:
                is_pending = own.ticket[number] != own.completed[number]
                if is_pending:
                    own.cancelled[number] = own.ticket[number]
                own.in_use[number] = 0
                (self._cancelled if is_pending else self._free).append(number)
