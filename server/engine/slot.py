"""One image's slot as its request sees it, and the wait for what the engine puts there."""

from __future__ import annotations

import math
import os
import select
import time

import numpy as np
from numpy.typing import NDArray

from models.errors import OpsinError
from server.engine.catalogue import ServedModel
from server.engine.errors import ClientGone, DeadlineExceeded, EngineFailed, ModelGone
from server.engine.explanation import NOTHING, Explanation, num_values, read_explanation
from server.engine.slot_table import SlotTable, Status
from server.engine.slot_timings import Run, SlotTimings
from server.request_errors import Overloaded

HANGUP = select.POLLRDHUP | select.POLLHUP | select.POLLERR  # a client that ends its sending is taken to have gone


class Slot:
    """Room for the pixels of one image, and then for its probabilities.

    Attributes:
        number: in the slot table.
        pixels: uint8 [height, width, 3], RGB; to be filled before ``submit``.
    """

    def __init__(
        self, table: SlotTable, number: int, model: ServedModel, waiter: Waiter, timings: SlotTimings | None = None
    ) -> None:
        self.number = number
        self.pixels: NDArray[np.uint8] = table.pixels(number, model.pixels.height_px, model.pixels.width_px)
        self._table, self._model, self._waiter, self._timings = table, model, waiter, timings

    def announce(self) -> None:
        """Tell the engine that this image will be there in a moment, if there is no other."""
        table, own, engine = self._table, self._table.numbers, self._table.numbers.engine[self.number]
        if own.awaits_lone[engine] and table.num_in_use == 1:
            own.announced[self.number] = own.ticket[self.number] + 1
            table.ring(table.doorbells[engine])

    def submit(self, wanted: int = NOTHING) -> None:
        """Hand the pixels to the engine, without waiting; from here on they must not change.

        Args:
            wanted: what is to be explained, see `server.engine.explanation`.
        """
        table, own, engine = self._table, self._table.numbers, self._table.numbers.engine[self.number]
        own.wanted[self.number], own.submitted[self.number] = wanted, time.monotonic()
        table.fence()
        own.ticket[self.number] += 1
        table.fence()
        if not own.is_awake[engine]:
            table.ring(table.doorbells[engine])

    def result(self) -> NDArray[np.float32]:
        """Wait for the probabilities, float32 [number of labels].

        Raises:
            DeadlineExceeded: the deadline of the reservation passed while it ran, or there was too little time for it.
            Overloaded: the deadline passed before it was its turn, for all that was in hand.
            EngineFailed: the model could not run on these pixels; other slots are not affected.
            ModelGone: the model was replaced before it ran.
            ClientGone: the client of the reservation has closed its connection.
        """
        try:
            while self.is_pending:
                self._waiter.wait(self.number)
        except DeadlineExceeded:
            raise self._error_of_delay() from None
        self._table.fence()  # what `completed` announces is read after it
        status = self._table.numbers.status[self.number]
        if status == Status.OK:
            return self._table.probabilities(self.number, len(self._model.labels)).copy()
        if status == Status.EXPIRED:
            raise self._error_of_delay()
        if status == Status.GONE:
            raise ModelGone("the model was replaced while the request waited")
        raise EngineFailed("the model failed on this image")

    def explanation(self) -> Explanation:
        """Return why the model answers so, after `result`, where it was wanted."""
        shape = self._model.feature_shape
        assert shape is not None  # noqa: S101 - who wants it has looked
        return read_explanation(self._table.explanation(self.number, num_values(shape)), shape)

    def _error_of_delay(self) -> OpsinError:
        """Choose what it is when no result came in time: no time to run it, or none that was left by other images."""
        own, number = self._table.numbers, self.number
        own_s, num_in_hand = own.seconds_per_image[own.engine[number]], self._table.num_in_hand(own.engine[number])
        has_begun = own.attempted[number] == own.ticket[number]
        had_time = own.deadline[number] - self.submitted > own_s
        if has_begun or not had_time or num_in_hand <= own.request_size[number]:
            return DeadlineExceeded("the model did not answer before the request's deadline")
        return Overloaded("the images in hand take longer than they did, try again later", wait_s=num_in_hand * own_s)

    @property
    def submitted(self) -> float:
        """When it was handed to the engine, in seconds of the monotonic clock."""
        return self._table.numbers.submitted[self.number]

    def run(self) -> Run | None:
        """Tell how the engine ran it, after `result`; None where it did not, or where that is not kept."""
        own, number = self._table.numbers, self.number
        if self._timings is None or self.is_pending:
            return None
        return self._timings.run_of(
            number,
            own.ticket[number],
            submitted=self.submitted,
            engine=own.engine[number],
            num_attempts=own.attempts[number],
        )

    def check_client(self) -> None:
        """Raise ClientGone if the client has closed its connection; does not wait."""
        self._waiter.check_client()

    @property
    def is_pending(self) -> bool:
        """Tell whether it was submitted and is not completed."""
        return self._table.numbers.ticket[self.number] != self._table.numbers.completed[self.number]


class Waiter:
    """Waits for one request's slots, until its deadline and while its client is there."""

    def __init__(self, table: SlotTable, deadline: float, client_fd: int | None) -> None:
        self._table, self._deadline = table, deadline
        self._poll = select.poll()
        self._client_fd = client_fd
        if client_fd is not None:
            self._poll.register(client_fd, HANGUP)

    def wait(self, slot: int) -> None:
        """Wait for one wake-up of the slot.

        Raises:
            DeadlineExceeded: it did not come in time.
            ClientGone: nobody will read the answer.
        """
        wakeup = self._table.wakeups[slot]
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise DeadlineExceeded("the model did not answer before the request's deadline")
        self._poll.register(wakeup, select.POLLIN)
        ready = [fd for fd, _ in self._poll.poll(math.ceil(1000 * left_s))]
        self._poll.unregister(wakeup)
        if wakeup in ready:
            os.eventfd_read(wakeup)
        elif self._client_fd in ready:
            raise ClientGone("the client closed the connection before it had its answer")

    def check_client(self) -> None:
        """Raise ClientGone if the client has closed its connection; does not wait."""
        if self._client_fd is not None and self._poll.poll(0):
            raise ClientGone("the client closed the connection before its images were decoded")
