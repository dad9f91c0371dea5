"""Runs shadows, whose answers are compared with those of the stable version and never sent, on spare capacity alone.

The runners of an engine call it. One that has run a batch of the stable version offers its images, of which a share is
copied; one that finds nothing else to do, while no other runs anything and clients have fewer images in hand than there
are cores, takes a copy and runs it. So no slot is taken, no core that decodes is slowed down, and no client waits for a
shadow to begin; whoever comes while one runs finds the other runners free. What finds no room
here, or is not taken soon, is dropped and counted. A version that ends the engine is no shadow any more.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.engine.catalogue import Catalogue, ServedModel, find_model, key_of
from server.engine.loaded import LoadedModel

MAX_WAITING = 8  # images
MAX_AGE_S = 1.0  # of an image that waits
AGREES, DIFFERS, FAILED, DROPPED = OUTCOMES = ("agrees", "differs", "failed", "dropped")

NoteShadow = Callable[[ServedModel, str, float | None], None]  # a version, one of OUTCOMES, and how far apart both are

log = logging.getLogger("opsin.engine")


@dataclass(frozen=True, slots=True)
class Shadow:
    """A version that is compared with another, and how many percent of its images."""

    candidate: ServedModel
    stable: ServedModel
    percent: float

    def compare(self, answer: NDArray[np.float32], expected: NDArray[np.float32]) -> tuple[bool, float]:
        """Tell whether both name the same label, and the total variation distance of the answers, in [0, 1].

        A label that only one of them has counts as one of probability 0 for the other.

        Args:
            answer: float32 [classes of the candidate].
            expected: float32 [classes of the stable version].
        """
        labels, others = self.stable.labels, self.candidate.labels
        agrees = labels[int(expected.argmax())] == others[int(answer.argmax())]
        if labels == others:
            return agrees, float(np.abs(answer - expected).sum()) / 2
        difference = dict(zip(labels, expected.tolist(), strict=True))
        for label, probability in zip(others, answer.tolist(), strict=True):
            difference[label] = difference.get(label, 0.0) - probability
        return agrees, sum(map(abs, difference.values())) / 2


@dataclass(frozen=True, slots=True)
class ShadowTask:
    """An image that waits for a shadow: pixels, what the stable version answered, and since when."""

    shadow: Shadow
    pixels: NDArray[np.uint8]
    expected: NDArray[np.float32]
    since: float

    @property
    def key(self) -> int:
        """The key of the version that is to run."""
        return key_of(self.shadow.candidate.name, self.shadow.candidate.version)


class Shadows:
    """The shadows of one engine. Any number of its threads may use it.

    Args:
        note: called with what became of each image.
        culprit: uint64 [1] that outlives the engine: the key of the version that runs as a shadow, or ended an engine.
        draw: gives numbers in [0, 1).
        clock: monotonic.
    """

    def __init__(
        self,
        note: NoteShadow = lambda *_: None,
        *,
        culprit: NDArray[np.uint64] | None = None,
        draw: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._note, self._draw, self._clock = note, draw, clock
        self._culprit = np.zeros(1, np.uint64) if culprit is None else culprit
        self._banned = int(self._culprit[0])
        self._of_stable: dict[int, Shadow] = {}
        self._waiting: deque[ShadowTask] = deque()
        self._lock = threading.Lock()
        self._running: int | None = None

    def follow(self, catalogue: Catalogue) -> None:
        """Take over which shadows there are."""
        shadows: dict[int, Shadow] = {}
        for split in catalogue.splits:
            if not split.is_shadow:
                continue
            if key_of(split.name, split.candidate) == self._banned:
                log.error(
                    "model %r version %d is not run as a shadow any more: it ended the engine",
                    split.name,
                    split.candidate,
                )
                continue
            candidate = find_model(catalogue, split.name, split.candidate)
            stable = find_model(catalogue, split.name, split.stable)
            if candidate.pixels == stable.pixels:
                shadows[key_of(split.name, split.stable)] = Shadow(candidate, stable, split.percent)
        self._of_stable = shadows

    def watches(self, model: int) -> bool:
        """Tell whether a version, given by its key, has a shadow."""
        return model in self._of_stable

    def offer(
        self, model: int, images: Sequence[NDArray[np.uint8]], rows: Sequence[NDArray[np.float32] | None]
    ) -> None:
        """Copy a share of the images that a version, given by its key, has answered."""
        if (shadow := self._of_stable.get(model)) is None:
            return
        for pixels, row in zip(images, rows, strict=True):
            if row is None or 100 * self._draw() >= shadow.percent:
                continue
            if len(self._waiting) >= MAX_WAITING:
                self._note(shadow.candidate, DROPPED, None)
            else:
                self._waiting.append(ShadowTask(shadow, pixels.copy(), row.copy(), self._clock()))

    @property
    def has_waiting(self) -> bool:
        """Tell whether an image waits for a runner that has nothing else to do."""
        return bool(self._waiting)

    def begin(self) -> ShadowTask | None:
        """Take the next image, which is to be given to `run`; None where there is none, or another runs."""
        with self._lock:
            while self._waiting and self._running is None:
                task = self._waiting.popleft()
                if self._clock() - task.since <= MAX_AGE_S:
                    self._running = task.key
                    return task
                self._note(task.shadow.candidate, DROPPED, None)
        return None

    def run(self, task: ShadowTask, loaded: LoadedModel | None, *, runner: int) -> None:
        """Run a shadow on an image, and note how its answer compares; None where its version has gone meanwhile."""
        try:
            if loaded is None:
                self._note(task.shadow.candidate, DROPPED, None)
                return
            self._culprit[0] = task.key
            try:
                answer = loaded.run([task.pixels], runner=runner, is_lone=False)[0]
            finally:
                self._culprit[0] = self._banned
            if not np.isfinite(answer).all():
                raise ValueError("an answer is no number")
            agrees, distance = task.shadow.compare(answer, task.expected)
            self._note(task.shadow.candidate, AGREES if agrees else DIFFERS, distance)
        except Exception as error:  # noqa: BLE001 - a shadow that fails takes nothing with it
            log.warning("the shadow of model %r failed: %s", task.shadow.candidate.name, error)
            self._note(task.shadow.candidate, FAILED, None)
        finally:
            self._running = None

    def is_running(self, model: int) -> bool:
        """Tell whether a version, given by its key, runs as a shadow."""
        return self._running == model
