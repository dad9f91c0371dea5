"""Spans are sent by each worker, at the latest when it ends, and nobody waits for a collector that is away."""

from __future__ import annotations

import os
import secrets
import signal
import socket

import pytest
from colours import RED, head_of, label_of
from otlp_collector import STAGES, exporting_to, in_trace, only
from running_server import STUB, RunningServer, stopped, wait_until

pytestmark = pytest.mark.e2e


def test_worker_in_the_place_of_one_that_died_sends_too(traced, collector):
    running = traced()
    (first,) = running.children("opsin: http")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: running.children("opsin: http") not in ([], [first]))
    trace_id = secrets.token_hex(16)
    assert label_of(running.request("POST", "/predict", RED, in_trace(trace_id))) == "red"
    spans = collector.trace(trace_id)
    assert only(spans, "POST /predict").attributes["process.pid"] in running.children("opsin: http")
    assert len(spans) == 1 + len(STAGES)


def test_two_workers_send_what_they_answered_at_the_latest_when_they_end(start, collector):
    late = exporting_to(collector.url) | {"OTEL_BSP_SCHEDULE_DELAY": "600000"}
    running = start(**late).wait_until_ready()
    wait_until(lambda: len(running.children("opsin: http")) == 2)
    workers = running.children("opsin: http")
    traces = [secrets.token_hex(16) for _ in workers]
    for other, trace_id in zip(reversed(workers), traces, strict=True):
        with stopped(other), running.connect() as connection:
            connection.sendall(head_of(RED, f"traceparent: {in_trace(trace_id)['traceparent']}") + RED)
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
    assert not [span for span in collector.spans if span.trace_id in traces]
    assert running.stop()[0] == 0
    found = [collector.trace(trace_id) for trace_id in traces]
    assert {len(spans) for spans in found} == {1 + len(STAGES)}
    assert [only(spans, "POST /predict").attributes["process.pid"] for spans in found] == workers


@pytest.mark.parametrize("is_there", [False, True], ids=["refuses", "hangs"])
def test_collector_that_is_away_makes_no_request_wait_and_no_server_stay(start, is_there):
    with socket.create_server(("127.0.0.1", 0)) as away:  # a connection is made, and nobody there reads
        address = f"http://127.0.0.1:{away.getsockname()[1]}"
        if not is_there:
            away.close()
        check_that_nobody_waits_for(address, start, is_there)


def check_that_nobody_waits_for(address, start, is_there):
    few = {"OTEL_BSP_MAX_QUEUE_SIZE": "20", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10"}
    running = start(**exporting_to(address), **few, OPSIN_WORKERS="1").wait_until_ready()
    for _ in range(8):
        label_of(running.request("POST", "/predict", RED, timeout=5))  # the collector would take ten seconds
    num_dropped = 8 * (1 + len(STAGES)) - 20
    wait_until(lambda: running.counted("opsin_spans_total", outcome="dropped") == num_dropped)  # after the answer
    status, output = running.stop()
    assert status == 0
    assert output.count("traces cannot be sent as they should") == (not is_there)


def test_variable_that_opentelemetry_refuses_is_one_line_and_exit_2(repository, collector):
    environ = {"OPSIN_REPOSITORY": str(repository), "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "x"}
    running = RunningServer([str(STUB)], {**environ, **exporting_to(collector.url)})
    output = running.process.communicate(timeout=30)
    running.end()
    assert running.process.returncode == 2
    assert "opsin: OpenTelemetry cannot use one of the variables OTEL_... (ValueError: " in "".join(output)
    assert "Traceback" not in "".join(output)
