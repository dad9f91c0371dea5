"""Counts and times what happens, for `GET /metrics`; docs/operations.md has the table.

Counts and times of what happens are here, each process's own; how things stand at a moment is asked of the engines when
somebody looks (``server.state_metrics``), so that nothing is left over from a process that has died. No label carries a
client's text: models are those of the repository, paths are those that the application has.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from server.engine.catalogue import ServedModel
from server.metric_values import adder, observer
from server.put_off import Call, call_at_once

OTHER = "other"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
DURATION_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SPAN_OUTCOMES = ("sent", "failed", "dropped")
DISTANCE_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128)

log = logging.getLogger("opsin.metrics")


class CollectorOfAll(MultiProcessCollector):
    """Reads once more what was read in the instant in which a process made room there for another value.

    A processor that reorders stores may show the room before what is in it, which is then no value.
    """

    def collect(self) -> Collection[Metric]:
        """Read the values of all processes."""
        try:
            return self._read()
        except (ValueError, RuntimeError):
            return self._read()

    def _read(self) -> Collection[Metric]:
        values: Collection[Metric] = super().collect()  # type: ignore[no-untyped-call]
        return values


class Metrics:
    """The metrics of one process. Any thread may call it, in the middle of a request: nothing here raises or waits.

    Args:
        folder: where all processes keep their values (``server.metric_files``); None where this is the only process.
        call: of what is done about an answer, when: at once, or when it has been sent (`server.put_off`).

    Attributes:
        registry: what `GET /metrics` shows: the values of all processes that share the folder.
    """

    def __init__(self, folder: Path | None = None, *, call: Call = call_at_once) -> None:
        self.call = call
        self.registry = CollectorRegistry()
        if folder is not None:
            CollectorOfAll(self.registry, str(folder))  # type: ignore[no-untyped-call]
        own = self.registry if folder is None else None
        counter, histogram = partial(Counter, registry=own), partial(Histogram, registry=own)
        durations = partial(histogram, buckets=DURATION_BUCKETS_S)
        self._requests = counter("opsin_http_requests_total", "Requests answered.", ("route", "method", "status"))
        self._durations = durations(
            "opsin_http_request_duration_seconds",
            "From a request that has come whole to the head of its answer.",
            ("route",),
        )
        self._calls = counter("opsin_grpc_requests_total", "gRPC requests answered.", ("method", "code"))
        self._call_durations = durations(
            "opsin_grpc_request_duration_seconds", "From the begin of a gRPC request to its answer.", ("method",)
        )
        self._images = counter(
            "opsin_images_total",
            "Images of answered requests; outcome is ok or the code of the error.",
            ("model", "version", "outcome"),
        )
        self._answers = durations(
            "opsin_model_duration_seconds",
            "From a request that looks for a version to the answers of all its images.",
            ("model", "version"),
        )
        stages = durations(
            "opsin_stage_duration_seconds", "What a request, an image or a batch took in one stage.", ("stage",)
        )
        batches = histogram("opsin_batch_size", "Images that the model ran together.", buckets=BATCH_BUCKETS)
        self._executions = counter(
            "opsin_executions_total",
            "Batches that each version ran, by how many images were in them.",
            ("model", "version", "size"),
        )
        self._execution_seconds = counter(
            "opsin_execution_seconds_total",
            "Seconds of each version: of its requests in decode, its images in queue, its batches in inference.",
            ("model", "version", "stage"),
        )
        self._shadows = counter(
            "opsin_shadow_images_total",
            "Images that a shadow was to be asked: agrees or differs by its likeliest label, failed, dropped.",
            ("model", "version", "outcome"),
        )
        self._shadow_distances = histogram(
            "opsin_shadow_distance",
            "Total variation distance of a shadow's answer from that of the stable version.",
            ("model", "version"),
            buckets=DISTANCE_BUCKETS,
        )
        self._noted_answers: dict[tuple[str, int], Callable[[float], None]] = {}
        self._noted_decoding: dict[tuple[str, int], Callable[[float], None]] = {}
        self._noted_executions: dict[tuple[str, int, int], tuple[Callable[[float], None], ...]] = {}
        fallbacks = counter(
            "opsin_rate_limit_fallbacks_total", "Requests that this server counted by itself, as Redis did not answer."
        )
        self.note_rate_limit_fallback = fallbacks.inc
        # With seconds.
        self.note_read, self.note_encode, self.note_decode, self.note_decode_queue = (
            partial(call, observer(stages.labels(stage))) for stage in ("read", "encode", "decode", "decode_queue")
        )
        self._note_queue, self._note_batch_wait, self._note_inference = (
            observer(stages.labels(stage)) for stage in ("queue", "batch_wait", "inference")
        )
        self._note_batch_size = observer(batches)
        spans = counter("opsin_spans_total", "Spans of traces, by what became of them.", ("outcome",))
        self._noted_spans = {outcome: spans.labels(outcome).inc for outcome in SPAN_OUTCOMES}
        self._noted_requests: dict[tuple[str, str, int], Callable[[float], None]] = {}
        self._noted_calls: dict[tuple[str, str], Callable[[float], None]] = {}
        self._noted_images: dict[tuple[str, int, str], Callable[[float], None]] = {}

    def initialize(self, route: str, method: str, statuses: Iterable[int]) -> None:
        """Begin counts at 0: the rate of a count that appears with its first event misses that event."""
        try:
            for status in statuses:
                self._requests.labels(route, method, status)
        except OSError as error:
            _not_kept(error)

    def note_request(self, route: str, method: str, status: int, duration_s: float) -> None:
        """Count an answer; `route` is none of a client's making."""
        key = (route, method if method in METHODS else OTHER, status)
        note = self._noted_requests.get(key)
        if note is None:
            note = self._noted_requests[key] = self._request_note(*key)
        self.call(note, duration_s)

    def note_call(self, method: str, code: str, duration_s: float) -> None:
        """Count a gRPC request; both names are the protocol's."""
        note = self._noted_calls.get((method, code))
        if note is None:
            note = self._noted_calls[method, code] = self._call_note(method, code)
        note(duration_s)

    def note_images(self, model: ServedModel | None, outcome: str, num_images: int = 1) -> None:
        """Count images of a request that is about to be answered; no model where none was found."""
        key = (model.name, model.version, outcome) if model else ("", 0, outcome)
        note = self._noted_images.get(key)
        if note is None:
            try:
                note = adder(self._images.labels(key[0], key[1] or "", outcome))
            except OSError as error:
                note = _not_kept(error)
            self._noted_images[key] = note
        self.call(note, num_images)

    def note_answered(self, model: ServedModel, duration_s: float) -> None:
        """Count what a request took that a version answered, from its choice on."""
        key = (model.name, model.version)
        note = self._noted_answers.get(key)
        if note is None:
            try:
                note = observer(self._answers.labels(*key))
            except OSError as error:
                note = _not_kept(error)
            self._noted_answers[key] = note
        self.call(note, duration_s)

    def note_decoded(self, model: ServedModel, duration_s: float) -> None:
        """Count what it took until all images of a request for a version were decoded."""
        key = (model.name, model.version)
        note = self._noted_decoding.get(key)
        if note is None:
            note = self._noted_decoding[key] = self._seconds_note(model, "decode")
        self.call(note, duration_s)

    def note_shadow(self, model: ServedModel, outcome: str, distance: float | None) -> None:
        """Count an image that a shadow was to be asked, and how far its answer is from the one that was sent."""
        try:
            self._shadows.labels(model.name, model.version, outcome).inc()
            if distance is not None:
                self._shadow_distances.labels(model.name, model.version).observe(distance)
        except OSError as error:
            _not_kept(error)

    def note_spans(self, outcome: str, num_spans: int) -> None:
        """Count spans of traces; the outcome is one of SPAN_OUTCOMES."""
        self._noted_spans[outcome](num_spans)

    def note_batch(
        self, waits_s: Sequence[float], duration_s: float, held_s: float = 0.0, model: ServedModel | None = None
    ) -> None:
        """Take note of images that ran together.

        Args:
            waits_s: how long each had waited.
            duration_s: how long they took.
            held_s: how long they were held back at last, for others to fill the batch.
            model: that ran them; None where it has gone meanwhile.
        """
        for wait_s in waits_s:
            batch_wait_s = min(wait_s, held_s)
            self._note_queue(wait_s - batch_wait_s)
            self._note_batch_wait(batch_wait_s)
        self._note_inference(duration_s)
        self._note_batch_size(len(waits_s))
        if model is not None:
            count, note_waited, note_ran = self._execution_notes(model, len(waits_s))
            count(1)
            note_waited(sum(waits_s))
            note_ran(duration_s)

    def _execution_notes(self, model: ServedModel, size: int) -> tuple[Callable[[float], None], ...]:
        key = (model.name, model.version, size)
        if key not in self._noted_executions:
            seconds = [self._seconds_note(model, stage) for stage in ("queue", "inference")]
            count: Callable[[float], None]
            try:
                count = adder(self._executions.labels(*key))
            except OSError as error:
                count = _not_kept(error)
            self._noted_executions[key] = (count, *seconds)
        return self._noted_executions[key]

    def _seconds_note(self, model: ServedModel, stage: str) -> Callable[[float], None]:
        try:
            return adder(self._execution_seconds.labels(model.name, model.version, stage))
        except OSError as error:
            return _not_kept(error)

    def _request_note(self, route: str, method: str, status: int) -> Callable[[float], None]:
        try:
            return _counted(self._requests.labels(route, method, status), self._durations.labels(route))
        except OSError as error:
            return _not_kept(error)

    def _call_note(self, method: str, code: str) -> Callable[[float], None]:
        try:
            return _counted(self._calls.labels(method, code), self._call_durations.labels(method))
        except OSError as error:
            return _not_kept(error)


def _counted(counter: Counter, histogram: Histogram) -> Callable[[float], None]:
    """Count one, and what it took, in seconds."""
    count, observe = adder(counter), observer(histogram)

    def note(duration_s: float) -> None:
        count(1)
        observe(duration_s)

    return note


def _not_kept(error: OSError) -> Callable[[float], None]:
    """Drop a value that no file can grow for; gives a counter that counts nothing."""
    log.error("a metric is not kept: %s", error.strerror)
    return lambda _: None
