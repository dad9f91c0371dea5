"""Sends spans to the collector, from a thread of its own in each HTTP worker, and never makes a request wait for it.

`TraceExport` is made before the first fork, so that the workers share what it loads, and has neither a thread nor a
connection until a worker starts it. Spans for which there is no room, because the collector is away or too slow, are
dropped, as are those that it refuses or that are left when a worker has to end; all are counted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

import server
from server.tracing.settings import TracingSettings

EXPORT_TIMEOUT_MS = 30_000  # OpenTelemetry takes it and does nothing with it; what counts is the exporter's
FLUSH_S = 3.0  # at the end of a worker, of its time of grace
COMPLAINT_S = 60.0  # between two lines of the log

NoteSpans = Callable[[str, int], None]

log = logging.getLogger("opsin.tracing")


class TraceExport:
    """See the module; of one server, and then of one worker.

    Attributes:
        settings: checked already.
    """

    def __init__(self, settings: TracingSettings) -> None:
        self.settings = settings
        self._exporter = OTLPSpanExporter()
        self._limits = SpanLimits()  # which reads and checks variables of its own
        own = {} if settings.has_service_name else {SERVICE_NAME: "opsin"}
        self._attributes = {SERVICE_VERSION: server.__version__, **own}
        self._provider: TracerProvider | None = None
        self._counted: CountedExporter | None = None

    def start(self, note: NoteSpans) -> Tracer:
        """Start sending, once, in the process of a worker.

        Args:
            note: called with an outcome, sent, failed or dropped, and with how many spans had it.
        """
        complain_of("opentelemetry")
        logging.getLogger("opentelemetry.trace.propagation").setLevel(logging.ERROR)  # clients cause its warnings
        self._counted = CountedExporter(self._exporter, note, max_waiting=self.settings.max_spans_waiting)
        self._provider = TracerProvider(
            resource=Resource.create(self._attributes), shutdown_on_exit=False, span_limits=self._limits
        )
        self._provider.add_span_processor(BoundedProcessor(self._counted, self.settings))
        return self._provider.get_tracer("opsin", server.__version__)

    def close(self) -> None:
        """Send what waits, as far as that is done in time. A second call does nothing."""
        provider, counted = self._provider, self._counted
        self._provider = None
        if provider is None or counted is None:
            return
        # Its own limit is 30 s, all of the time of grace.
        thread = threading.Thread(target=provider.shutdown, name="opsin-last-spans", daemon=True)
        thread.start()
        thread.join(FLUSH_S)
        counted.give_up()


class CountedExporter(SpanExporter):
    """Hands spans on to another exporter, and counts what becomes of them, and how many wait."""

    def __init__(self, exporter: SpanExporter, note: NoteSpans, *, max_waiting: int) -> None:
        self._exporter, self._note, self._max_waiting = exporter, note, max_waiting
        self._num_waiting = 0
        self._lock = threading.Lock()

    def has_room(self) -> bool:
        """Count a span that waits from now on; False, and it is dropped, where there is no room for it."""
        with self._lock:
            has_room = self._num_waiting < self._max_waiting
            self._num_waiting += has_room
        if not has_room:
            self._note("dropped", 1)
        return has_room

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans; called by the thread that does nothing else."""
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            with self._lock:
                was_given_up = not self._num_waiting
                self._num_waiting = max(0, self._num_waiting - len(spans))
            if not was_given_up:
                self._note("sent" if result is SpanExportResult.SUCCESS else "failed", len(spans))
        return result

    def give_up(self) -> None:
        """Count what waits still as dropped."""
        with self._lock:
            num_left, self._num_waiting = self._num_waiting, 0
        if num_left:
            self._note("dropped", num_left)

    def shutdown(self) -> None:
        """End the other exporter."""
        self._exporter.shutdown()


class BoundedProcessor(BatchSpanProcessor):
    """Drops the spans for which there is no room; OpenTelemetry's own drops the oldest, and counts none."""

    def __init__(self, exporter: CountedExporter, settings: TracingSettings) -> None:
        super().__init__(
            exporter,
            max_queue_size=settings.max_spans_waiting,
            schedule_delay_millis=settings.delay_ms,
            max_export_batch_size=settings.max_batch,
            export_timeout_millis=EXPORT_TIMEOUT_MS,
        )
        self._counted = exporter

    def on_end(self, span: ReadableSpan) -> None:
        """Have a span sent, if it is sampled; does not wait."""
        if span.context is not None and span.context.trace_flags.sampled and self._counted.has_room():
            super().on_end(span)


class Complaints(logging.Handler):
    """Passes on what a library logs, a line in `COMPLAINT_S` at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.WARNING)
        self._clock, self._next_at = clock, 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a line on, or drop it."""
        now = self._clock()
        if now >= self._next_at:
            self._next_at = now + COMPLAINT_S
            log.warning("traces cannot be sent as they should: %s", record.getMessage())


def complain_of(name: str) -> None:
    """Have what a library logs appear in ours."""
    logger = logging.getLogger(name)
    logger.handlers, logger.propagate = [Complaints()], False
