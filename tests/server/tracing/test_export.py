"""Sending: in a thread, bounded, counted, and over in time."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from otlp_collector import Collector

from server.tracing import export
from server.tracing.export import BoundedProcessor, Complaints, CountedExporter, TraceExport
from server.tracing.settings import TracingSettings

REPO = Path(__file__).resolve().parents[3]


class Gated(SpanExporter):
    """Sends when it may."""

    def __init__(self, result=SpanExportResult.SUCCESS):
        self.may_send, self.result, self.batches = threading.Event(), result, []

    def export(self, spans):
        assert self.may_send.wait(20)
        self.batches.append(len(spans))
        return self.result


def sending(exporter, **settings):
    """A tracer whose spans go through an exporter, what ends it, and the counts."""
    counts = Counter()
    limits = TracingSettings(**{"max_spans_waiting": 4, "max_batch": 2, "delay_ms": 1, **settings})
    counted = CountedExporter(
        exporter, lambda outcome, number: counts.update({outcome: number}), max_waiting=limits.max_spans_waiting
    )
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BoundedProcessor(counted, limits))
    return provider.get_tracer("test"), provider.shutdown, counts


def test_spans_past_the_room_for_them_are_dropped_and_counted():
    exporter = Gated()
    tracer, shutdown, counts = sending(exporter)
    for _ in range(10):
        tracer.start_span("x").end()
    assert counts == {"dropped": 6}
    exporter.may_send.set()
    shutdown()
    assert counts == {"dropped": 6, "sent": 4}
    assert max(exporter.batches) <= 2


def test_spans_that_the_collector_refuses_are_counted_as_failed():
    exporter = Gated(SpanExportResult.FAILURE)
    exporter.may_send.set()
    tracer, shutdown, counts = sending(exporter)
    tracer.start_span("x").end()
    shutdown()
    assert counts == {"failed": 1}


@pytest.fixture
def collector(monkeypatch):
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        yield collector


def test_what_waits_at_the_end_is_sent_with_the_names_that_are_set(collector, monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=photos,deployment.environment.name=test")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret")
    counts = Counter()
    sender = TraceExport(TracingSettings(has_service_name=True))
    sender.start(lambda outcome, number: counts.update({outcome: number})).start_span("x").end()
    sender.close()
    sender.close()
    assert counts == {"sent": 1}
    (span,) = collector.spans
    assert (span.resource["service.name"], span.resource["deployment.environment.name"]) == ("photos", "test")
    assert collector.headers[0]["api-key"] == "secret"


def test_collector_that_does_not_answer_holds_no_worker(collector, monkeypatch):
    monkeypatch.setattr(export, "FLUSH_S", 0.2)
    collector.may_answer.clear()
    counts = Counter()
    sender = TraceExport(TracingSettings())
    sender.start(lambda outcome, number: counts.update({outcome: number})).start_span("x").end()
    sender.close()
    assert counts == {"dropped": 1}
    collector.may_answer.set()


def test_worker_that_never_started_has_nothing_to_end():
    TraceExport(TracingSettings()).close()


def test_complaints_of_the_library_are_a_line_a_minute(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("opsin"), "propagate", True)
    times = iter([0.0, 59.0, 61.0])
    complaints = Complaints(clock=lambda: next(times))
    for text in ("first", "second", "third"):
        complaints.emit(logging.LogRecord("opentelemetry", logging.ERROR, "", 0, text, None, None))
    assert caplog.messages == [f"traces cannot be sent as they should: {text}" for text in ("first", "third")]


def test_server_without_traces_loads_nothing_of_opentelemetry():
    script = (
        "import sys; import server.master, server.cli\n"
        "loaded = [name for name in sys.modules if name.startswith(('opentelemetry', 'requests'))]\n"
        "assert not loaded, loaded"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    subprocess.run([sys.executable, "-c", script], cwd=REPO, env=environ, check=True)
