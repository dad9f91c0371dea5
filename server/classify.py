"""Classifies the images of one request, without knowing HTTP: probabilities, or an error, for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ImageError, OpsinError
from models.pixels.preprocessing import Pixels, PixelSpec, ReadImage
from server.answers import Answer, calibration_of, predict
from server.decoding.decoder import Admitted, Decoder, bare
from server.engine.catalogue import ServedModel, choose_version
from server.engine.client import EngineClient
from server.engine.errors import EngineFailed, EngineNotReady, ModelGone
from server.engine.explanation import NOTHING
from server.engine.slot import Slot
from server.engine.traffic_split import STABLE
from server.explained import Explained, explained, place_in
from server.metrics import Metrics
from server.request_errors import RequestError
from server.run_to_completion import RunToCompletion
from server.tracing.stages import Stages

ANNOUNCED_S = 0.003  # of decoding; the engine waits no longer (`server.engine.busy_wait`)
MAX_REPLACEMENTS = 10  # of the model while one request is answered


@dataclass(frozen=True, slots=True)
class Upload:
    """The encoded bytes of one image, and the name the client gave it, if any."""

    content: bytes | memoryview
    filename: str | None = None


Row = NDArray[np.float32] | OpsinError


@dataclass(frozen=True, slots=True)
class Output:
    """What a model made of the images of one request, in their order: probabilities, float32 [C], or errors.

    Attributes:
        explained: why, where that was wanted; None of an image with an error.
    """

    model: ServedModel
    rows: tuple[Row, ...]
    explained: tuple[Explained | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Classification:
    """The answers to one request, in the order of its uploads, and their model."""

    model: ServedModel
    answers: tuple[Answer, ...]
    explained: tuple[Explained | None, ...] = ()


class Classifier:
    """Classifies uploads with an engine; any number of threads may use it."""

    def __init__(
        self,
        engine: EngineClient,
        *,
        decoder: Decoder | None = None,
        metrics: Metrics | None = None,
        note_answer: Callable[[ServedModel, NDArray[np.float32]], None] = lambda _model, _probabilities: None,
        to_completion: RunToCompletion | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._decoder = decoder or Decoder()
        self._metrics = metrics or Metrics()
        self._note_answer = note_answer
        self._to_completion = to_completion
        self._clock = clock

    def classify(
        self, uploads: Sequence[Upload], *, top_k: int, coverage: float | None = None, **options: Any
    ) -> Classification:
        """Say what each upload shows.

        Args:
            uploads: at least one.
            top_k: labels wanted per image; all of them where the model has fewer.
            coverage: in (0, 1): how often the set of labels, which is then given, should hold the right one.
            options: of `run`, which also says what is raised.

        Raises:
            RequestError: a coverage is asked for, and the model was published without calibration.
        """
        output = self.run(uploads, check=(lambda _: None) if coverage is None else calibration_of, **options)
        answers = (
            row if isinstance(row, OpsinError) else predict(row, output.model, top_k=top_k, coverage=coverage)
            for row in output.rows
        )
        return Classification(output.model, tuple(answers), output.explained)

    def run(
        self,
        images: Sequence[Upload | Pixels],
        *,
        timeout_s: float,
        model: str | None = None,
        version: int | None = None,
        label: str | None = None,
        session: str | None = None,
        check: Callable[[ServedModel], object] = lambda _: None,
        wanted: Callable[[ServedModel], int] = lambda _: NOTHING,
        client_fd: int | None = None,
        stages: Stages | None = None,
    ) -> Output:
        """Decode every image and ask the model; one image is decoded while the one before it is classified.

        Args:
            images: at least one; pixels are uint8 [height, width, 3] of the model, which `check` has to see to.
            timeout_s: from now; the answer is worth nothing afterwards.
            model: name; the default model if None.
            version: the stable version if None, or the canary beside it where the request fits that.
            label: of the version, as `choose_version` knows them.
            session: of the client, which stays with one of both.
            check: called with the model before anything is decoded; raises an OpsinError where it does not fit.
            wanted: called alike; tells what is to be explained, as `server.engine.explanation` has it.
            client_fd: the client's socket; the work is dropped when the client closes it, or its half of it.
            stages: to note what is done in; None where no trace is wanted.

        Raises:
            ModelNotFound, VersionNotFound: what the request names is not served.
            EngineNotReady, Overloaded: the engine takes no work now, or there is too much to decode.
            DeadlineExceeded: the time was not enough for all images.
            ClientGone: nobody waits for the answer.
        """
        began = self._clock()
        deadline = began + timeout_s
        served: ServedModel | None = None

        def fit(chosen: ServedModel) -> int:
            check(chosen)
            return wanted(chosen)

        try:
            for _ in range(MAX_REPLACEMENTS):
                catalogue = self._engine.wait_until_served(deadline)
                served = choose_version(catalogue, model, version, label=label, session=session)
                try:
                    to_explain = fit(served)
                except RequestError:
                    if version is not None or label or not catalogue.splits:
                        raise
                    served = choose_version(catalogue, model, version, label=STABLE)
                    to_explain = fit(served)
                try:
                    rows, reasons = self._rows_here(
                        images, served, catalogue, to_explain, deadline=deadline, stages=stages
                    ) or self._rows(images, served, to_explain, deadline=deadline, client_fd=client_fd, stages=stages)
                    self._note_rows(served, rows)
                    self._metrics.note_answered(served, self._clock() - began)
                    return Output(served, rows, reasons)
                except ModelGone:
                    continue
            raise EngineNotReady("the model is being replaced, try again soon")
        except OpsinError as error:
            self._metrics.note_images(served, error.code, len(images))
            raise

    def decode(self, upload: Upload, spec: PixelSpec, *, timeout_s: float) -> Pixels:
        """Decode an upload to other pixels than a model's, in its turn: uint8 [spec.height_px, spec.width_px, 3].

        Raises:
            ImageError: it is broken.
            Overloaded, DeadlineExceeded: it cannot be decoded in time.
        """
        deadline = self._clock() + timeout_s
        image = self._decoder.read(upload.content, spec)
        if isinstance(image, ImageError):
            raise image
        pixels = np.empty((spec.height_px, spec.width_px, 3), np.uint8)
        with self._decoder.admitted([image], deadline) as admitted:
            admitted.decode(image, spec, deadline=deadline, out=pixels)
        return pixels

    def _rows_here(
        self, images: Sequence[Upload | Pixels], *asked: Any, **options: Any
    ) -> tuple[tuple[Row, ...], tuple[Explained | None, ...]] | None:
        """Have this thread answer, as `RunToCompletion.row` says; None where the engine is to."""
        if self._to_completion is None:
            return None
        contents = [image if isinstance(image, np.ndarray) else image.content for image in images]
        row = self._to_completion.row(contents, *asked, **options)
        return None if row is None else ((row,), ())

    def _rows(
        self,
        images: Sequence[Upload | Pixels],
        served: ServedModel,
        wanted: int,
        *,
        deadline: float,
        client_fd: int | None,
        stages: Stages | None,
    ) -> tuple[tuple[Row, ...], tuple[Explained | None, ...]]:
        noted = [stages and stages.of_image(index) for index in range(len(images))]
        with self._engine.reserve(served, len(images), deadline=deadline, client_fd=client_fd) as slots:
            began = self._clock()
            read = [
                image if isinstance(image, np.ndarray) else self._decoder.read(image.content, served.pixels, own)
                for image, own in zip(images, noted, strict=True)
            ]
            if all(isinstance(image, ReadImage) and image.cost.cpu_s < ANNOUNCED_S for image in read):
                slots[0].announce()
            with self._decoder.admitted(read, deadline) as admitted:
                errors = [
                    image
                    if isinstance(image, ImageError)
                    else self._submit(image, slot, served, admitted, wanted=wanted, deadline=deadline, stages=own)
                    for image, slot, own in zip(read, slots, noted, strict=True)
                ]
            places = [place_in(image, served) for image in read] if wanted != NOTHING else []
            del read  # copies of uploads, some of them, which would wait for the model too
            self._metrics.note_decoded(served, self._clock() - began)
            rows: list[Row] = []
            for error, slot, own in zip(errors, slots, noted, strict=True):
                try:
                    rows.append(error or (slot.result() if own is None else timed_result(slot, served, own)))
                except EngineFailed as failure:
                    rows.append(failure)  # of this image alone
            reasons = [
                None if isinstance(row, OpsinError) else explained(row, slot, wanted, place)
                for row, slot, place in zip(rows, slots, places, strict=False)  # no places where nothing is explained
            ]
        return tuple(rows), tuple(reasons)

    def _note_rows(self, served: ServedModel, rows: Sequence[Row]) -> None:
        for row in rows:
            if isinstance(row, OpsinError):
                self._metrics.note_images(served, row.code)
            else:
                self._metrics.note_images(served, "ok")
                self._note_answer(served, row)

    def _submit(
        self,
        image: ReadImage | Pixels,
        slot: Slot,
        served: ServedModel,
        admitted: Admitted,
        *,
        wanted: int,
        deadline: float,
        stages: Stages | None,
    ) -> ImageError | None:
        slot.check_client()
        if isinstance(image, np.ndarray):
            slot.pixels[:] = image
            slot.submit(wanted)
            return None
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
        slot.submit(wanted)
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
