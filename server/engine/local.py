"""The engine inside the HTTP worker: a few copies of one model, each run by a thread of its own.

Owns the runtimes, one runner thread for each (a runtime is not re-entrant), and the queue between them and the request
threads. The queue is bounded because ``reserve`` counts every image from reservation until it has run: past
``max_queue`` a request is refused, unless it is the only one. The native code releases the GIL while it runs, so the
copies use one core each. Make it after fork: threads do not survive one.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from models.artifact import Artifact
from models.runtime import Runtime, load_runtime
from server.engine import DeadlineExceeded, EngineError, EngineFailed, EngineNotReady, Overloaded, ServedModel

log = logging.getLogger("opsin.engine")

CLOSE_TIMEOUT_S = 5.0
SERVICE_TIME_WEIGHT = 0.1  # of the newest image in the moving average that Retry-After is computed from


class LocalSlot:
    """One image on its way through a LocalEngine."""

    def __init__(self, model: ServedModel, deadline: float, engine: LocalEngine) -> None:
        spec = model.pixels
        self.pixels: NDArray[np.uint8] = np.empty((spec.height_px, spec.width_px, 3), np.uint8)
        self.deadline = deadline
        self.future: Future[NDArray[np.float32]] = Future()
        self.is_submitted = False
        self._engine = engine

    def submit(self) -> None:
        """See Slot."""
        self._engine.enqueue(self)

    def result(self) -> NDArray[np.float32]:
        """See Slot."""
        try:
            return self.future.result(timeout=max(0.0, self.deadline - self._engine.clock()))
        except TimeoutError:
            raise DeadlineExceeded("the model did not answer before the request's deadline") from None


class LocalEngine:
    """Serves one version of one model from this process."""

    def __init__(
        self,
        model: ServedModel,
        runtimes: Sequence[Runtime],
        *,
        max_queue: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.models: tuple[ServedModel, ...] = (model,)
        self.clock = clock
        self._max_queue = max_queue
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[LocalSlot | None] = queue.SimpleQueue()
        self._num_in_hand = 0
        self._service_time_s = 0.0
        self._is_closed = False
        self._runners = [
            threading.Thread(target=self._run, args=(runtime,), name=f"opsin-runner-{number}", daemon=True)
            for number, runtime in enumerate(runtimes)
        ]
        for runner in self._runners:
            runner.start()

    @property
    def is_ready(self) -> bool:
        """See Engine. The model was loaded and warmed before this object was made."""
        return not self._is_closed

    @contextmanager
    def reserve(self, model: ServedModel, num_images: int, *, deadline: float) -> Iterator[Sequence[LocalSlot]]:
        """See Engine."""
        self._admit(num_images)
        slots = [LocalSlot(model, deadline, self) for _ in range(num_images)]
        try:
            yield slots
        finally:
            for slot in slots:
                slot.future.cancel()  # no effect on one that runs or is done
            self._discharge(sum(not slot.is_submitted for slot in slots))

    def enqueue(self, slot: LocalSlot) -> None:
        """Queue a filled slot; runners take them in this order."""
        with self._lock:
            if self._is_closed:
                raise EngineNotReady("the server is stopping")
            slot.is_submitted = True
            self._queue.put(slot)

    def close(self) -> None:
        """See Engine. Waits at most CLOSE_TIMEOUT_S for a runtime that hangs."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                for _ in self._runners:
                    self._queue.put(None)
        closes_at = time.monotonic() + CLOSE_TIMEOUT_S
        for runner in self._runners:
            runner.join(max(0.0, closes_at - time.monotonic()))

    def _admit(self, num_images: int) -> None:
        with self._lock:
            if self._is_closed:
                raise EngineNotReady("the server is stopping")
            if self._num_in_hand and self._num_in_hand + num_images > self._max_queue:
                wait_s = self._num_in_hand * self._service_time_s / len(self._runners)
                raise Overloaded(f"{self._num_in_hand} images wait already, try again later", wait_s=wait_s)
            self._num_in_hand += num_images

    def _discharge(self, num_images: int) -> None:
        with self._lock:
            self._num_in_hand -= num_images

    def _run(self, runtime: Runtime) -> None:
        while (slot := self._queue.get()) is not None:
            is_wanted = slot.future.set_running_or_notify_cancel()
            outcome = self._answer(slot, runtime) if is_wanted else None
            self._discharge(1)  # before the caller hears of it, who may come back at once
            if isinstance(outcome, EngineError):
                slot.future.set_exception(outcome)
            elif outcome is not None:
                slot.future.set_result(outcome)
        runtime.close()

    def _answer(self, slot: LocalSlot, runtime: Runtime) -> NDArray[np.float32] | EngineError:
        started = self.clock()
        if started >= slot.deadline:
            return DeadlineExceeded("the request's deadline passed while it waited for the model")
        try:
            return self._probabilities(slot, runtime)
        except Exception:  # whatever native code raises, this image fails alone and the runner goes on
            log.exception("the model failed on an image")
            return EngineFailed("the model failed on this image")
        finally:
            self._measure(self.clock() - started)

    def _measure(self, service_time_s: float) -> None:
        with self._lock:
            weight = SERVICE_TIME_WEIGHT if self._service_time_s else 1.0
            self._service_time_s += weight * (service_time_s - self._service_time_s)

    def _probabilities(self, slot: LocalSlot, runtime: Runtime) -> NDArray[np.float32]:
        probabilities = np.asarray(runtime.run(slot.pixels[np.newaxis])[0], np.float32)
        if probabilities.shape != (len(self.models[0].labels),) or not np.isfinite(probabilities).all():
            raise ValueError(f"expected {len(self.models[0].labels)} finite probabilities, got {probabilities}")
        return probabilities


def open_local_engine(artifact: Artifact, *, num_runners: int, max_queue: int) -> LocalEngine:
    """Load a verified artifact ``num_runners`` times, warm every copy up, and serve it.

    Raises:
        ArtifactError: the model cannot be loaded.
    """
    manifest = artifact.manifest
    model = ServedModel(manifest.name, manifest.version, manifest.labels, manifest.pixels)
    runtimes = [load_runtime(artifact) for _ in range(num_runners)]
    black = np.zeros((1, model.pixels.height_px, model.pixels.width_px, 3), np.uint8)
    for runtime in runtimes:
        runtime.run(black)  # the first run lays out memory and packs weights
    return LocalEngine(model, runtimes, max_queue=max_queue)
