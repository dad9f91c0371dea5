"""The health service: of the server, of its service and of each model; once, or whenever it changes."""

from __future__ import annotations

import asyncio

import pytest
from calls import Aborted, FakeContext
from grpc import StatusCode

from server.grpc import health as module
from server.grpc.health import NOT_SERVING, SERVICE_UNKNOWN, SERVING, Health
from server.grpc.messages import message_class


@pytest.fixture
def handlers(service, uploads, doorway, is_stopping):
    return Health(service, uploads, doorway, is_stopping).handlers()


def asked(name):
    return FakeContext(message_class("grpc.health.v1.HealthCheckRequest")(service=name).SerializeToString())


@pytest.mark.parametrize("name", ["", "inference.GRPCInferenceService", "colours", "colours/3"])
def test_what_is_served_is_said_to_be(handlers, name):
    assert asyncio.run(handlers["Check"].stream_unary(None, asked(name))) == SERVING


@pytest.mark.parametrize("name", ["nobody", "colours/4", "colours/x"])
def test_what_there_is_not_is_not_found(handlers, name):
    context = asked(name)
    with pytest.raises(Aborted):
        asyncio.run(handlers["Check"].stream_unary(None, context))
    assert context.status == (StatusCode.NOT_FOUND, f"there is no service or model {name!r}")


@pytest.mark.parametrize("name", ["", "colours"])
def test_nothing_is_served_once_the_server_stops(handlers, is_stopping, name):
    is_stopping.set()
    assert asyncio.run(handlers["Check"].stream_unary(None, asked(name))) == NOT_SERVING


def test_watching_tells_of_each_change_and_ends_with_the_server(handlers, is_stopping, monkeypatch):
    monkeypatch.setattr(module, "LOOK_AGAIN_S", 0.001)

    async def watch():
        contexts = [asked(""), asked("nobody")]
        watching = [asyncio.create_task(handlers["Watch"].stream_stream(None, context)) for context in contexts]
        await asyncio.sleep(0.05)
        is_stopping.set()
        for each in watching:
            with pytest.raises(Aborted):
                await each
        return contexts

    server, nobody = asyncio.run(watch())
    assert server.written == [SERVING, NOT_SERVING]
    assert nobody.written == [SERVICE_UNKNOWN, NOT_SERVING]
    assert server.status == (StatusCode.UNAVAILABLE, "the server is stopping")


def test_so_many_may_watch_and_no_more(handlers, monkeypatch):
    monkeypatch.setattr(module, "MAX_WATCHES", 0)
    context = asked("")
    with pytest.raises(Aborted):
        asyncio.run(handlers["Watch"].stream_stream(None, context))
    assert context.status[0] == StatusCode.RESOURCE_EXHAUSTED


def test_response_is_a_message(handlers):
    content = handlers["Check"].response_serializer(SERVING)
    assert message_class("grpc.health.v1.HealthCheckResponse").FromString(content).status == SERVING
