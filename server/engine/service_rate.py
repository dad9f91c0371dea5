"""Measures how fast an engine works off its queue, for Retry-After and for admission."""

from __future__ import annotations

import threading

from server.engine.slot_table import SlotTable

WEIGHT = 0.05  # of the newest batch in the moving average


class ServiceRate:
    """Keeps `table.seconds_per_image`: of all runners together, decoding and whatever else runs beside them included.

    An interval between the ends of two batches counts when the later batch waited at the earlier end already; the time
    that an engine has nothing to do is no part of its rate. Until there has been a queue, the rate is that of a batch
    alone, as if the runners did not get into each other's way.
    """

    def __init__(self, table: SlotTable, engine: int, *, num_runners: int) -> None:
        self._table, self._engine, self._num_runners = table, engine, num_runners
        self._lock = threading.Lock()
        self._last_end = 0.0
        self._has_queued = False

    def note(self, num_images: int, *, submitted: float, started: float, ended: float) -> None:
        """Take note of a batch, in its runner's thread.

        Args:
            num_images: of the batch.
            submitted: when its oldest image began to wait, in seconds of one clock.
            started: when it began to run.
            ended: when it had run.
        """
        with self._lock:
            if submitted <= self._last_end:
                interval_s = max(0.0, ended - self._last_end)  # of two that end together, either may come first
                self._average(interval_s / num_images, weight=WEIGHT if self._has_queued else 1.0)
                self._has_queued = True
            elif not self._has_queued:
                self._average((ended - started) / num_images / self._num_runners, weight=1.0)
            self._last_end = max(self._last_end, ended)
            self._table.numbers.num_images[self._engine] += num_images

    def _average(self, seconds: float, *, weight: float) -> None:
        seconds_per_image = self._table.numbers.seconds_per_image
        seconds_per_image[self._engine] += weight * (seconds - seconds_per_image[self._engine])
