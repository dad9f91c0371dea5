"""Runs the model in the thread that has read a request, where both cost little, instead of handing the image on.

For a small model the price of a request is its hand-overs: from leader to follower, to the engine's process and back,
each with a thread that is woken and caches that are cold. So one cheap image for a light model is decoded and run by
the request's thread, while it has the turn to lead. There is one such thread in a worker, and a worker a core: nothing
is run beside more than the cores can run. Everything else goes to the engine, and so does an image that the model fails
on here, for the engine has the last word.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.errors import ImageError
from models.pixels.preprocessing import Pixels, ReadImage
from server.decoding.decoder import Decoder, bare
from server.engine.catalogue import Catalogue, ServedModel
from server.engine.errors import DeadlineExceeded
from server.engine.explanation import NOTHING
from server.engine.light_models import RUNTIME, LightModel, LightModels
from server.engine.slot_timings import Run
from server.metrics import Metrics
from server.tracing.stages import Stages
from server.turn import Turn

Encoded = bytes | memoryview

CHEAP_S = 0.003  # of decoding, by the image's header
CHEAP_BYTES = 256 * 1024  # larger ones hardly ever are, and their header is not looked at

log = logging.getLogger("opsin.light")


class RunToCompletion:
    """See the module.

    Args:
        models: of this worker.
        decoder: of this worker.
        turn: of its request threads.
        metrics: of this process.
        clock: monotonic.

    Attributes:
        turn: of its request threads.
    """

    def __init__(
        self,
        models: LightModels,
        decoder: Decoder,
        turn: Turn,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.turn, self._is_likely = turn, False
        self._models, self._decoder, self._metrics, self._clock = models, decoder, metrics, clock

    def is_likely(self) -> bool:
        """Tell whether the last request was of the kind that is run to completion."""
        return self._is_likely

    def row(
        self,
        images: Sequence[Encoded | Pixels],
        served: ServedModel,
        catalogue: Catalogue,
        wanted: int,
        *,
        deadline: float,
        stages: Stages | None,
    ) -> NDArray[np.float32] | ImageError | None:
        """Answer a request whose images are to be classified; None where the engine is to, and another thread leads.

        Args:
            images: of the request, encoded or pixels of the model.
            served: the version.
            catalogue: that it is of.
            wanted: what is to be explained, see `server.engine.explanation`.
            deadline: in seconds of the clock.
            stages: to note what is done in; None where no trace is wanted.

        Raises:
            DeadlineExceeded: the time is over.
            Overloaded: the engine is to answer, and no other thread can lead meanwhile.
        """
        may_be_cheap = wanted == NOTHING and _may_be_cheap(images)
        model = self._models.find(served, catalogue) if may_be_cheap else None
        self._is_likely = model is not None
        row = None
        if model is not None and self.turn.is_held and model.begin():
            with model:
                row = self._row(model, images[0], served, deadline=deadline, stages=stages and stages.of_image(0))
        if row is None:
            self.turn.pass_on()
        return row

    def _row(
        self,
        model: LightModel,
        image: Encoded | Pixels,
        served: ServedModel,
        *,
        deadline: float,
        stages: Stages | None,
    ) -> NDArray[np.float32] | ImageError | None:
        began = self._clock()
        pixels = image if isinstance(image, np.ndarray) else self._decoded(image, served, model.pixels, stages)
        if not isinstance(pixels, np.ndarray):
            return pixels
        started = self._clock()
        self._check_time(started, deadline)
        row: NDArray[np.float32]
        try:
            [row] = self._models.run(model, pixels)
            is_valid = math.isfinite(sum(row.tolist()))  # as it is where all of it is
        except Exception as error:  # noqa: BLE001 - whatever native code raises
            log.warning("model %s failed on an image: %s", served.name, error)
            is_valid = False
        if not is_valid:
            return None
        ended = self._clock()
        self._metrics.note_decoded(served, started - began)
        self._metrics.call(self._metrics.note_batch, (0.0,), ended - started, 0.0, served)
        if stages is not None:
            run = Run(0, os.getpid(), RUNTIME, started, ended, held_s=0.0, batch_size=1, num_attempts=1)
            stages.begin("queue", started)
            stages.note_run(run, {"opsin.model.name": served.name, "opsin.model.version": served.version})
        self._check_time(ended, deadline)
        return row

    def _decoded(
        self, upload: Encoded, served: ServedModel, out: Pixels, stages: Stages | None
    ) -> Pixels | ImageError | None:
        """Decode an upload if it is cheap; None where it is not."""
        image = self._decoder.read(upload, served.pixels, stages)
        if isinstance(image, ReadImage):
            if not image.encoded.is_plain or image.cost.cpu_s > CHEAP_S:
                return None
            try:
                self._decoder.decode_at_once(image, served.pixels, out=out, stages=stages)
            except ImageError as error:
                if stages is not None:
                    stages.fail(error.code)
                return bare(error)
            return out
        return image

    def _check_time(self, now: float, deadline: float) -> None:
        if now >= deadline:
            raise DeadlineExceeded("the model did not answer before the request's deadline")


def _may_be_cheap(images: Sequence[Encoded | Pixels]) -> bool:
    [image, *others] = images
    return not others and (isinstance(image, np.ndarray) or len(image) <= CHEAP_BYTES)
