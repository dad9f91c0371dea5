"""Calls of gRPC are traced: what their spans say, and of which trace they are."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("grpc", reason="grpcio is not installed: requirements/grpc.txt")

from calls import Aborted, FakeContext
from opentelemetry.trace import StatusCode

from server.engine.errors import DeadlineExceeded
from server.grpc.calls import Doorway
from server.metrics import Metrics
from server.request_errors import RequestError
from server.tracing.call_traces import CallTraces

SERVICE = "inference.GRPCInferenceService"
TRACE, CLIENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = [("traceparent", f"00-{TRACE}-{CLIENT}-01")]


@pytest.fixture
def call(tracer, exporter):
    """Make a call that ends with an error, or none; gives its spans."""

    def call(error=None, *, name="ModelInfer", service=SERVICE, metadata=(), **options):
        async def behave(call):
            if call.stages is not None:
                call.stages.begin("decode", call.started)
            if error:
                raise error
            return "answer"

        doorway = Doorway(None, Metrics(), traces=CallTraces(tracer, **options))
        try:
            asyncio.run(doorway.wrap(f"/{service}/{name}", behave)(None, FakeContext(metadata=metadata)))
        except Aborted:
            assert error
        return exporter.get_finished_spans()

    return call


def test_call_is_a_span_by_the_conventions_with_its_stages(call):
    stage, span = call(metadata=[("x-request-id", "seven")])
    assert (span.name, stage.name) == (f"{SERVICE}/ModelInfer", "decode")
    told = {key: value for key, value in span.attributes.items() if key != "process.pid"}
    assert told == {
        "rpc.system": "grpc",
        "rpc.service": SERVICE,
        "rpc.method": "ModelInfer",
        "rpc.grpc.status_code": 0,
        "opsin.request_id": "seven",
    }
    assert stage.parent.span_id == span.context.span_id
    assert span.status.status_code == StatusCode.UNSET


@pytest.mark.parametrize(
    ("error", "number", "code", "status"),
    [
        (RequestError("no"), 3, "invalid_request", StatusCode.UNSET),
        (DeadlineExceeded("late"), 4, "deadline_exceeded", StatusCode.ERROR),
    ],
)
def test_error_is_told_and_is_the_servers_by_the_conventions(call, error, number, code, status):
    stage, span = call(error)
    assert (span.attributes["rpc.grpc.status_code"], span.attributes["opsin.error.code"]) == (number, code)
    assert (span.status.status_code, stage.attributes["error.type"]) == (status, code)


def test_trace_of_the_client_goes_on_where_it_is_believed(call, exporter):
    *_, span = call(metadata=PARENT)
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, CLIENT)
    exporter.clear()
    *_, span = call(metadata=PARENT, believes_traceparent=False)
    assert span.parent is None


@pytest.mark.parametrize(("service", "name"), [("grpc.health.v1.Health", "Check"), (SERVICE, "ServerLive")])
def test_what_machines_ask_again_and_again_is_not_traced(call, service, name):
    assert call(service=service, name=name) == ()
