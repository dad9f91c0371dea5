"""Requests to the application, traced: whose trace it is, what the spans say, and what they never say."""

from __future__ import annotations

import sys
import threading
from functools import partial
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

import server.tracing
from server.api.app import create_app
from server.request_errors import Overloaded
from server.settings import Settings
from server.tracing.request_traces import RequestTraces

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def traced(app, tracer):
    """Asks the application, whose requests are traced, and takes the whole response."""
    app.wsgi_app = RequestTraces(tracer, route_of=app.route_of).wrap(app.wsgi_app)
    return partial(app.test_client().open, buffered=True)


def server_span(exporter):
    (span,) = [span for span in exporter.get_finished_spans() if span.kind is SpanKind.SERVER]
    return span


def test_stages_are_children_of_the_request_and_the_request_of_the_client(traced, exporter, encode):
    assert traced("/predict", method="POST", data=encode(), headers={"traceparent": PARENT}).status_code == 200
    *stages, server = exporter.get_finished_spans()
    assert [stage.name for stage in stages] == ["read", "decode_queue", "decode", "queue", "encode"]  # no timings
    assert {stage.parent.span_id for stage in stages} == {server.context.span_id}
    assert {f"{span.context.trace_id:032x}" for span in (*stages, server)} == {TRACE}
    assert (server.name, f"{server.parent.span_id:016x}") == ("POST /predict", SPAN)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/predict", 405, "method_not_allowed"),
        ("POST", "/predict", 429, "rate_limited"),
    ],
)
def test_whoever_refuses_a_request_its_trace_has_the_code(engine, tracer, exporter, method, path, status, code):
    app = create_app(Settings(rate_limit="1/hour"), engine=engine)
    if status == 429:
        app.test_client().post("/predict")
    app.wsgi_app = RequestTraces(tracer, route_of=app.route_of).wrap(app.wsgi_app)
    assert app.test_client().open(path, method=method, buffered=True).status_code == status
    attributes = server_span(exporter).attributes
    assert (attributes["http.response.status_code"], attributes["opsin.error.code"]) == (status, code)


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "00-" + "0" * 32 + f"-{SPAN}-01",
        f"00-{TRACE}-" + "0" * 16 + "-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"{PARENT},{PARENT}",
        PARENT[:-1],
        "00-" + "g" * 600,
    ],
)
def test_traceparent_that_is_not_valid_begins_a_new_trace(traced, exporter, parent):
    traced("/", headers={"traceparent": parent})
    assert server_span(exporter).parent is None


@given(parent=st.text("0123456789abcdef-, \t=é", max_size=80), state=st.text("ab=,;@ é\x7f", max_size=600))
def test_whatever_a_client_says_of_its_trace_a_request_is_answered(parent, state):
    traces = RequestTraces(TracerProvider().get_tracer("test"), route_of=lambda _: None)
    answered = []

    def application(_environ, start_response):
        start_response("204 No Content", [])
        return []

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_TRACEPARENT": parent, "HTTP_TRACESTATE": state}
    traces.wrap(application)(environ, lambda status, *_: answered.append(status)).close()
    environ["HTTP_TRACEPARENT"] = PARENT
    traces.wrap(application)(environ, lambda status, *_: answered.append(status)).close()
    assert answered == ["204 No Content"] * 2


def test_client_that_does_not_sample_is_followed_and_pays_for_no_stages(traced, exporter, encode):
    assert (
        traced("/predict", method="POST", data=encode(), headers={"traceparent": f"00-{TRACE}-{SPAN}-00"}).status_code
        == 200
    )
    assert exporter.get_finished_spans() == ()


def test_clients_are_not_followed_where_they_are_not_believed(app, tracer, exporter):
    app.wsgi_app = RequestTraces(tracer, route_of=app.route_of, believes_traceparent=False).wrap(app.wsgi_app)
    app.test_client().get("/", headers={"traceparent": PARENT}, buffered=True)
    assert server_span(exporter).parent is None


@pytest.mark.parametrize(
    ("method", "path", "name", "route"),
    [
        ("GET", "/nothing?key=secret", "GET", None),
        ("GET", "/static/page.js", "GET /static/<path:filename>", "/static/<path:filename>"),
        ("DELETE", "/predict", "DELETE /predict", "/predict"),
        ("BREW", "/predict", "HTTP /predict", "/predict"),
    ],
)
def test_name_has_the_route_and_no_more_of_what_a_client_sends(traced, exporter, method, path, name, route):
    traced(path, method=method)
    span = server_span(exporter)
    assert (span.name, span.attributes.get("http.route")) == (name, route)
    assert span.attributes["http.request.method"] == ("_OTHER" if method == "BREW" else method)
    assert span.attributes["url.path"] == path.partition("?")[0]
    assert "secret" not in span.to_json()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_what_machines_ask_all_the_time_is_not_traced(traced, exporter, path):
    traced(path)
    assert exporter.get_finished_spans() == ()


def test_errors_of_clients_leave_the_status_open_and_have_their_code(traced, exporter):
    assert traced("/predict", method="POST", data=b"hello").status_code == 415
    read, decode, encode, server = exporter.get_finished_spans()
    assert (decode.name, decode.status.status_code, decode.attributes["error.type"]) == (
        "decode",
        StatusCode.ERROR,
        "unsupported_image",
    )
    assert {span.status.status_code for span in (read, encode, server)} == {StatusCode.UNSET}
    assert "error.type" not in server.attributes
    assert server.attributes["opsin.error.code"] == "unsupported_image"


def test_application_that_breaks_ends_its_span_as_an_error(tracer, exporter):
    def application(_environ, _start_response):
        raise RuntimeError("a bug")

    wrapped = RequestTraces(tracer, route_of=lambda _: None).wrap(application)
    with pytest.raises(RuntimeError, match="a bug"):
        wrapped({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, None)
    span = server_span(exporter)
    assert (span.status.status_code, span.attributes["http.response.status_code"]) == (StatusCode.ERROR, 500)


def test_refusal_without_the_application_is_a_span_as_long_as_it_took(tracer, exporter):
    traces = RequestTraces(tracer, route_of=lambda path: path, clock=lambda: 12.5)
    request = SimpleNamespace(method="POST", path="/predict", headers=[("TRACEPARENT", PARENT)], scheme="http")
    names = traces.trace_refusal(request, Overloaded("full", wait_s=1), 12.0)
    span = server_span(exporter)
    assert names == {"trace_id": TRACE, "span_id": f"{span.context.span_id:016x}", "trace_flags": "01"}
    assert (span.end_time - span.start_time, span.name) == (500_000_000, "POST /predict")
    assert (span.status.status_code, span.attributes["error.type"]) == (StatusCode.ERROR, "503")
    assert span.attributes["opsin.error.code"] == "overloaded"
    assert traces.trace_refusal(SimpleNamespace(path="/healthz"), Overloaded("full", wait_s=1), 12.0) == {}


def test_request_that_is_not_sampled_has_a_trace_in_the_log_all_the_same(app, exporter):
    tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("test")
    seen = []

    def application(environ, start_response):
        seen.append(environ["opsin.trace"])
        start_response("204 No Content", [])
        return []

    RequestTraces(tracer, route_of=lambda _: None).wrap(application)(
        {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_TRACEPARENT": PARENT}, lambda *_: None
    )
    assert (seen[0]["trace_id"], seen[0]["trace_flags"]) == (TRACE, "00")


def test_without_traces_a_request_calls_nothing_of_them(client, encode):
    """What costs nothing is what does not run: neither in the request's thread nor in the engine's."""
    called, folder = [], server.tracing.__path__[0]

    def note(frame, event, _argument):
        if event == "call" and (
            "slot_timings" in frame.f_code.co_filename or frame.f_code.co_filename.startswith(folder)
        ):
            called.append(frame.f_code.co_qualname)

    client.post("/predict", data=encode())  # what is imported and kept with the first
    threading.setprofile_all_threads(note) if hasattr(threading, "setprofile_all_threads") else sys.setprofile(note)
    try:
        assert client.post("/predict", data=encode()).status_code == 200
    finally:
        threading.setprofile_all_threads(None) if hasattr(threading, "setprofile_all_threads") else sys.setprofile(None)
    assert called == []
