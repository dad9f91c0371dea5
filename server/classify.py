"""Classifies the uploads of one request, without knowing HTTP: one answer for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from models.errors import ImageError, OpsinError
from models.pixels.preprocessing import ReadImage
from server.answers import Answer, calibration_of, predict
from server.decoding.decoder import Admitted, Decoder, bare
from server.engine.catalogue import ServedModel, find_model
from server.engine.client import EngineClient
from server.engine.errors import EngineFailed, EngineNotReady, ModelGone
from server.engine.slot import Slot
from server.metrics import Metrics
from server.tracing.stages import Stages

MAX_REPLACEMENTS = 10  # of the model while one request is answered


@dataclass(frozen=True, slots=True)
class Upload:
    """The encoded bytes of one image, and the name the client gave it, if any."""

    content: bytes | memoryview
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Classification:
    """The answers to one request, in the order of its uploads, and their model."""

    model: ServedModel
    answers: tuple[Answer, ...]


class Classifier:
    """Classifies uploads with an engine; any number of threads may use it."""

    def __init__(
        self,
        engine: EngineClient,
        *,
        decoder: Decoder | None = None,
        metrics: Metrics | None = None,
        note_answer: Callable[[ServedModel, NDArray[np.float32]], None] = lambda _model, _probabilities: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._decoder = decoder or Decoder()
        self._metrics = metrics or Metrics()
        self._note_answer = note_answer
        self._clock = clock

    def classify(
        self,
        uploads: Sequence[Upload],
        *,
        top_k: int,
        timeout_s: float,
        coverage: float | None = None,
        model: str | None = None,
        version: int | None = None,
        client_fd: int | None = None,
        stages: Stages | None = None,
    ) -> Classification:
        """Decode every upload and ask the model; one image is decoded while the one before it is classified.

        Args:
            uploads: at least one.
            top_k: labels wanted per image; all of them where the model has fewer.
            timeout_s: from now; the answer is worth nothing afterwards.
            coverage: in (0, 1): how often the set of labels, which is then given, should hold the right one.
            model: name; the default model if None.
            version: the default version if None.
            client_fd: the client's socket; the work is dropped when the client closes it, or its half of it.
            stages: to note what is done in; None where no trace is wanted.

        Raises:
            ModelNotFound, VersionNotFound: what the request names is not served.
            RequestError: it asks for a coverage, and the model was published without calibration.
            EngineNotReady, Overloaded: the engine takes no work now, or there is too much to decode.
            DeadlineExceeded: the time was not enough for all images.
            ClientGone: nobody waits for the answer.
        """
        deadline = self._clock() + timeout_s
        served: ServedModel | None = None
        try:
            for _ in range(MAX_REPLACEMENTS):
                served = find_model(self._engine.wait_until_served(deadline), model, version)
                if coverage is not None:
                    calibration_of(served)  # before anything is decoded
                answer = partial(predict, model=served, top_k=top_k, coverage=coverage)
                try:
                    return self._classify_with(
                        uploads, served, answer, deadline=deadline, client_fd=client_fd, stages=stages
                    )
                except ModelGone:
                    continue
            raise EngineNotReady("the model is being replaced, try again soon")
        except OpsinError as error:
            self._metrics.note_images(served, error.code, len(uploads))
            raise

    def _classify_with(
        self,
        uploads: Sequence[Upload],
        served: ServedModel,
        answer: Callable[[NDArray[np.float32]], Answer],
        *,
        deadline: float,
        client_fd: int | None,
        stages: Stages | None,
    ) -> Classification:
        noted = [stages and stages.of_image(index) for index in range(len(uploads))]
        with self._engine.reserve(served, len(uploads), deadline=deadline, client_fd=client_fd) as slots:
            images = [
                self._decoder.read(upload.content, served.pixels, own)
                for upload, own in zip(uploads, noted, strict=True)
            ]
            with self._decoder.admitted(images, deadline) as admitted:
                errors = [
                    image
                    if isinstance(image, ImageError)
                    else self._submit(image, slot, served, admitted, deadline=deadline, stages=own)
                    for image, slot, own in zip(images, slots, noted, strict=True)
                ]
            answers: list[Answer] = []
            rows: list[NDArray[np.float32]] = []
            for error, slot, own in zip(errors, slots, noted, strict=True):
                if error is not None:
                    answers.append(error)
                    continue
                try:
                    rows.append(slot.result() if own is None else timed_result(slot, served, own))
                    answers.append(answer(rows[-1]))
                except EngineFailed as failure:
                    answers.append(failure)  # of this image alone
        for each in answers:
            self._metrics.note_images(served, each.code if isinstance(each, OpsinError) else "ok")
        for row in rows:
            self._note_answer(served, row)
        return Classification(served, tuple(answers))

    def _submit(
        self,
        image: ReadImage,
        slot: Slot,
        served: ServedModel,
        admitted: Admitted,
        *,
        deadline: float,
        stages: Stages | None,
    ) -> ImageError | None:
        slot.check_client()
        try:
            admitted.decode(
                image,
                served.pixels,
                deadline=deadline,
                out=slot.pixels,
                check_client=slot.check_client,
                stages=stages,
            )
        except OpsinError as error:
            if stages is not None:
                stages.fail(error.code)
            if not isinstance(error, ImageError):
                raise
            return bare(error)
        slot.submit()
        return None


def timed_result(slot: Slot, served: ServedModel, stages: Stages) -> NDArray[np.float32]:
    """Wait for a slot's result, as it does, and note how the engine came by it."""
    stages.begin("queue", slot.submitted)
    failure: OpsinError | None = None
    try:
        return slot.result()
    except OpsinError as error:
        failure = error
        raise
    finally:
        if run := slot.run():
            stages.note_run(run, {"opsin.model.name": served.name, "opsin.model.version": served.version})
        else:
            stages.end(time.monotonic())
        if failure is not None:
            stages.fail(failure.code)
