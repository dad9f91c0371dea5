"""Traces of the real server as a collector gets them: each stage in the process that did it, whatever happens there."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import secrets
import signal
import time

import pytest
from colours import FORM_RED, FORM_TYPE, RED, head_of, label_of, picture
from otlp_collector import CLIENT, ERROR, SERVER, STAGES, exporting_to, in_trace, named, only
from PIL import Image
from running_server import STUB, RunningServer, wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def served(repository, collector):
    """One server for the tests that leave it as it was."""
    log = {"OPSIN_LOG_LEVEL": "info", "OPSIN_LOG_FORMAT": "json"}
    running = RunningServer([str(STUB)], {"OPSIN_REPOSITORY": str(repository), **log, **exporting_to(collector.url)})
    with contextlib.ExitStack() as ends:
        ends.callback(running.end)
        running.wait_until_ready()
        wait_until(lambda: len(running.children("opsin: http")) == 2)
        yield running
        running.stop()


def tiff():
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "blue").save(file, "TIFF")
    return file.getvalue()


def test_request_is_a_trace_of_its_stages_across_the_processes(served, collector):
    trace_id = secrets.token_hex(16)
    answer = served.request("POST", "/predict?top_k=1", FORM_RED, {**FORM_TYPE, **in_trace(trace_id)})
    assert label_of(answer) == "red"
    spans = collector.trace(trace_id)
    server = only(spans, "POST /predict")
    assert (server.kind, server.parent_id, server.status) == (SERVER, CLIENT, 0)
    (engine,), workers = served.children("opsin: engine cpu"), served.children("opsin: http")
    asked = {name: server.attributes[name] for name in server.attributes if not name.startswith("opsin.request")}
    assert asked == {
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.response.status_code": 200,
        "http.request.body.size": len(FORM_RED),
        "network.protocol.version": "1.1",
        "url.path": "/predict",
        "url.scheme": "http",
        "process.pid": server.attributes["process.pid"],
        "opsin.model.name": "colours",
        "opsin.model.version": 1,
    }
    assert server.attributes["process.pid"] in workers
    assert server.resource["service.name"] == "opsin"

    stages = {span.name: span for span in spans if span is not server}
    assert stages.keys() == STAGES
    assert len(spans) == 1 + len(STAGES)
    assert {span.parent_id for span in stages.values()} == {server.span_id}
    order = [stages[name] for name in ("read", "decode_queue", "decode", "queue", "batch_wait", "inference", "encode")]
    for earlier, later in itertools.pairwise(order):
        assert earlier.started_ns <= earlier.ended_ns <= later.started_ns, (earlier, later)
    assert server.started_ns == stages["read"].started_ns
    assert stages["encode"].ended_ns <= server.ended_ns
    for name in ("queue", "batch_wait", "inference"):
        assert (stages[name].attributes["process.pid"], stages[name].attributes["opsin.engine"]) == (engine, 0)
    inference = stages["inference"].attributes
    assert (inference["opsin.runtime"], inference["opsin.batch.size"], inference["opsin.attempts"]) == ("litert", 1, 1)
    assert (inference["opsin.model.name"], inference["opsin.model.version"]) == ("colours", 1)
    assert stages["decode"].attributes["opsin.image.format"] == "PNG"
    assert not [span for span in spans if "red.png" in str(span) or "top_k" in str(span)]

    line = {}
    while line.get("trace_id") != trace_id:
        line = json.loads(served.process.stderr.readline())
    assert (line["span_id"], line["trace_flags"], line["request_id"]) == (
        server.span_id,
        "01",
        server.attributes["opsin.request_id"],
    )


def test_image_of_another_process_is_decoded_in_that_process(served, collector):
    trace_id = secrets.token_hex(16)
    assert label_of(served.request("POST", "/predict", tiff(), in_trace(trace_id))) == "blue"
    decode = only(collector.trace(trace_id), "decode")
    assert decode.attributes["process.pid"] in served.children("opsin: decoder")
    assert decode.attributes["opsin.image.format"] == "TIFF"


@pytest.mark.parametrize(
    ("width", "status", "code"), [(66, 422, "corrupt_image"), (67, 504, "deadline_exceeded")], ids=["breaks", "hangs"]
)
def test_decoder_that_ends_in_an_image_is_named_with_what_became_of_it(served, collector, width, status, code):
    decoders = served.children("opsin: decoder")
    file = io.BytesIO()
    Image.new("P", (width, 8)).save(file, "GIF")
    trace_id = secrets.token_hex(16)
    headers = {"X-Request-Timeout-Ms": "1500", **in_trace(trace_id)}
    assert served.request("POST", "/predict", file.getvalue(), headers)[0] == status
    decode = only(collector.trace(trace_id), "decode")
    assert (decode.status, decode.attributes["error.type"]) == (ERROR, code)
    assert decode.attributes["process.pid"] in decoders
    assert only(collector.trace(trace_id), "POST /predict").attributes["opsin.error.code"] == code
    wait_until(lambda: len(served.children("opsin: decoder")) == len(decoders))


def test_stages_are_as_long_as_the_metrics_say(served, collector):
    def counted(what, stage):
        return served.counted(f"opsin_stage_duration_seconds_{what}", stage=stage)

    def num_answered():
        return served.counted("opsin_images_total", model="colours", version="1", outcome="ok")

    wait_until(lambda: served.counted("opsin_batch_size_sum") == num_answered())  # the engine tells after the answer
    before = {(what, stage): counted(what, stage) for what in ("count", "sum") for stage in STAGES}
    trace_id = secrets.token_hex(16)
    label_of(served.request("POST", "/predict", RED, in_trace(trace_id)))
    spans = collector.trace(trace_id)
    for name in STAGES:
        wait_until(lambda name=name: counted("count", name) == before["count", name] + 1)
        span, seconds = only(spans, name), counted("sum", name) - before["sum", name]
        assert 1e-9 * (span.ended_ns - span.started_ns) == pytest.approx(seconds, abs=1e-6), name


def test_refused_requests_say_why_and_those_of_the_server_are_errors(traced, collector):
    limits = {"OPSIN_MAX_QUEUE": "1", "OPSIN_MAX_IMAGES": "1", "OPSIN_MAX_UPLOAD_BYTES": "1000"}
    running = traced(STUB_SLEEP_S="1", OPSIN_LOG_LEVEL="info", OPSIN_LOG_FORMAT="json", **limits)
    traces = {}
    refused = {413: (bytes(1001), "upload_too_large"), 415: (b"hello", "unsupported_image"), 503: (RED, "overloaded")}
    with running.connect() as slow:
        for status, (body, code) in refused.items():
            if status == 503:
                slow.sendall(head_of(RED) + RED)
                wait_until(lambda: running.num_in_hand() == 1)
            traces[status] = trace_id = secrets.token_hex(16)
            assert running.request("POST", "/predict", body, in_trace(trace_id))[0] == status
            server = only(collector.trace(trace_id), "POST /predict")
            assert server.attributes["http.response.status_code"] == status
            assert server.attributes["opsin.error.code"] == code
            assert (server.status, server.attributes.get("error.type")) == (
                (ERROR, "503") if status == 503 else (0, None)
            )
            assert server.parent_id == CLIENT
    assert [span.name for span in collector.trace(traces[503])] == ["POST /predict"]  # the application was not asked
    lines = [json.loads(line) for line in running.stop()[1].splitlines() if line.startswith("{")]
    assert {line["status"]: line["trace_id"] for line in lines if line.get("trace_id") in traces.values()} == traces


def test_request_that_ran_out_of_time_shows_in_what(traced, collector):
    running = traced(STUB_SLEEP_S="1")
    trace_id = secrets.token_hex(16)
    headers = {"X-Request-Timeout-Ms": "300", **in_trace(trace_id)}
    assert running.request("POST", "/predict", RED, headers)[0] == 504
    spans = collector.trace(trace_id)
    queue, server = only(spans, "queue"), only(spans, "POST /predict")
    assert (queue.status, queue.attributes["error.type"]) == (ERROR, "deadline_exceeded")
    assert queue.ended_ns <= server.ended_ns
    assert not named(spans, "inference")


def test_engine_that_died_leaves_its_successor_in_the_trace(traced, collector):
    running = traced(STUB_SLEEP_S="1")
    (first,) = running.children("opsin: engine cpu")
    trace_id = secrets.token_hex(16)
    body = picture((0, 255, 0))
    with running.connect() as connection:
        connection.sendall(head_of(body, f"traceparent: {in_trace(trace_id)['traceparent']}") + body)
        wait_until(lambda: running.num_in_hand() == 1)
        time.sleep(0.3)  # it runs
        os.kill(first, signal.SIGKILL)
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    inference = only(collector.trace(trace_id), "inference").attributes
    assert inference["process.pid"] != first
    assert inference["process.pid"] in running.children("opsin: engine cpu")
    assert inference["opsin.attempts"] == 2


def test_call_of_grpc_and_each_request_of_a_stream_are_traced_across_the_processes(traced, collector):
    pytest.importorskip("grpc", reason="grpcio is not installed: requirements/grpc.txt")
    from grpc_calls import WAIT_S, channel_to, infer, photo_request, stream

    served, trace_id = traced(OPSIN_GRPC_PORT="0"), secrets.token_hex(16)
    with channel_to(served) as channel:
        options = {"timeout": WAIT_S, "metadata": [*in_trace(trace_id).items()]}
        infer(channel)(photo_request(RED), **options)
        list(stream(channel)(iter([photo_request(RED), photo_request(RED)]), **options))
    methods = ["ModelInfer", "ModelStreamInfer", "ModelStreamInfer"]
    wait_until(lambda: len(named(collector.trace(trace_id), "inference")) == len(methods))
    spans = collector.trace(trace_id)
    servers = [span for span in spans if span.kind == SERVER]
    assert sorted(span.attributes["rpc.method"] for span in servers) == methods
    assert {span.parent_id for span in servers} == {CLIENT}
    [worker], [engine] = served.children("opsin: grpc"), served.children("opsin: engine cpu")
    for span in servers:
        assert (span.attributes["process.pid"], span.attributes["rpc.grpc.status_code"]) == (worker, 0)
        assert span.attributes["opsin.model.name"] == "colours"
        stages = {each.name: each for each in spans if each.parent_id == span.span_id}
        assert stages.keys() >= {"decode", "queue", "batch_wait", "inference", "encode"}
        assert stages["inference"].attributes["process.pid"] == engine
