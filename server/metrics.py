"""Counts and times what happens, for `GET /metrics`; docs/operations.md has the table.

Counts and times of what happens are here, each process's own; how things stand at a moment is asked of the engines when
somebody looks (``server.state_metrics``), so that nothing is left over from a process that has died. No label carries a
client's text: models are those of the repository, paths are those that the application has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from server import metric_families as families
from server.engine.catalogue import ServedModel
from server.metric_notes import Notes, adding, counting, dropping, observing
from server.metric_values import observer
from server.put_off import Call, call_at_once

OTHER = "other"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SPAN_OUTCOMES = ("sent", "failed", "dropped")


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
        self._requests = families.REQUESTS.counter(own)
        durations = families.REQUEST_DURATIONS.histogram(own)
        self._request_notes = Notes(
            lambda route, method, status: counting(
                self._requests.labels(route, method, status), durations.labels(route)
            )
        )
        calls, call_durations = families.CALLS.counter(own), families.CALL_DURATIONS.histogram(own)
        self._call_notes = Notes(
            lambda method, code: counting(calls.labels(method, code), call_durations.labels(method))
        )
        self.note_rate_limit_fallback = families.RATE_LIMIT_FALLBACKS.counter(own).inc
        spans = families.SPANS.counter(own)
        self._span_notes = {outcome: spans.labels(outcome).inc for outcome in SPAN_OUTCOMES}
        stages = families.STAGES.histogram(own)
        # With seconds.
        self.note_read, self.note_encode, self.note_decode, self.note_decode_queue = (
            partial(call, observer(stages.labels(stage))) for stage in ("read", "encode", "decode", "decode_queue")
        )
        self._note_queue, self._note_batch_wait, self._note_inference = (
            observer(stages.labels(stage)) for stage in ("queue", "batch_wait", "inference")
        )
        self._note_batch_size = observer(families.BATCHES.histogram(own))
        # By name and version of the model, and more.
        self._images = adding(families.IMAGES.counter(own))
        self._answers = observing(families.ANSWERS.histogram(own))
        self._executions = adding(families.EXECUTIONS.counter(own))
        self._seconds = adding(families.EXECUTION_SECONDS.counter(own))
        self._shadows = adding(families.SHADOWS.counter(own))
        self._shadow_distances = observing(families.SHADOW_DISTANCES.histogram(own))

    def initialize(self, route: str, method: str, statuses: Iterable[int]) -> None:
        """Begin counts at 0: the rate of a count that appears with its first event misses that event."""
        try:
            for status in statuses:
                self._requests.labels(route, method, status)
        except OSError as error:
            dropping(error)

    def note_request(self, route: str, method: str, status: int, duration_s: float) -> None:
        """Count an answer; `route` is none of a client's making."""
        self.call(self._request_notes[route, method if method in METHODS else OTHER, status], duration_s)

    def note_call(self, method: str, code: str, duration_s: float) -> None:
        """Count a gRPC request; both names are the protocol's."""
        self._call_notes[method, code](duration_s)

    def note_images(self, model: ServedModel | None, outcome: str, num_images: int = 1) -> None:
        """Count images of a request that is about to be answered; no model where none was found."""
        labels = (model.name, model.version, outcome) if model else ("", "", outcome)
        self.call(self._images[labels], num_images)

    def note_answered(self, model: ServedModel, duration_s: float) -> None:
        """Count what a request took that a version answered, from its choice on."""
        self.call(self._answers[model.name, model.version], duration_s)

    def note_decoded(self, model: ServedModel, duration_s: float) -> None:
        """Count what it took until all images of a request for a version were decoded."""
        self.call(self._seconds[model.name, model.version, "decode"], duration_s)

    def note_shadow(self, model: ServedModel, outcome: str, distance: float | None) -> None:
        """Count an image that a shadow was to be asked, and how far its answer is from the one that was sent."""
        self._shadows[model.name, model.version, outcome](1)
        if distance is not None:
            self._shadow_distances[model.name, model.version](distance)

    def note_spans(self, outcome: str, num_spans: int) -> None:
        """Count spans of traces; the outcome is one of SPAN_OUTCOMES."""
        self._span_notes[outcome](num_spans)

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
            self._executions[model.name, model.version, len(waits_s)](1)
            self._seconds[model.name, model.version, "queue"](sum(waits_s))
            self._seconds[model.name, model.version, "inference"](duration_s)
