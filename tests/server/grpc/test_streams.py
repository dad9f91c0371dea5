"""Streams: each request has its answer, in their order, whatever becomes of the others."""

from __future__ import annotations

import asyncio

import pytest
from calls import Aborted, FakeContext
from grpc import StatusCode

from server.grpc.messages import message_class
from server.grpc.streams import MAX_AHEAD, Streams

METHOD = "/inference.GRPCInferenceService/ModelStreamInfer"


def request(content, number):
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": [content]}}
    message = message_class("inference.ModelInferRequest")(model_name="colours", id=str(number), inputs=[tensor])
    return message.SerializeToString()


@pytest.fixture
def handle(inference, uploads, doorway, is_stopping):
    streams = Streams(inference, uploads, doorway, is_stopping, max_streams=1)
    return doorway.wrap(METHOD, streams.serve, is_stream=True)


def test_requests_are_answered_in_their_order_and_bad_ones_alone_are_refused(handle, encode, metrics):
    async def serve():
        contents = [encode("red"), b"no picture", encode("blue"), encode("green")]
        context = FakeContext(*[request(content, number) for number, content in enumerate(contents)], b"\xff")
        context.end()
        await handle(None, context)
        return context.written

    red, bad, blue, green, none = asyncio.run(serve())
    assert [each.infer_response.id for each in (red, bad, blue, green, none)] == ["0", "1", "2", "3", ""]
    best = [
        max(enumerate(each.infer_response.outputs[0].contents.fp32_contents), key=lambda pair: pair[1])[0]
        for each in (red, blue, green)
    ]
    assert best == [0, 2, 1]
    assert all(each.infer_response.parameters["triton_final_response"].bool_param for each in (red, blue, green))
    assert "not an image" in bad.error_message or "image" in bad.error_message
    assert "must be an inference.ModelInferRequest" in none.error_message
    counted = {
        sample.labels["code"]: sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "opsin_grpc_requests_total"
    }
    assert counted == {"OK": 3, "INVALID_ARGUMENT": 2}


def test_no_more_is_read_than_is_in_hand(handle, encode, runtime):
    async def serve():
        runtime.may_run.clear()
        context = FakeContext(*[request(encode("red"), number) for number in range(MAX_AHEAD + 5)])
        context.end()
        serving = asyncio.create_task(handle(None, context))
        while context.messages.qsize() > 6:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        left = context.messages.qsize()
        runtime.may_run.set()
        await serving
        return left, len(context.written)

    assert asyncio.run(serve()) == (6, MAX_AHEAD + 5)


def test_stream_ends_when_the_server_stops_and_what_has_come_is_answered(handle, encode, is_stopping):
    async def serve():
        context = FakeContext(request(encode("red"), 1))
        serving = asyncio.create_task(handle(None, context))
        while not context.written:
            await asyncio.sleep(0.01)
        is_stopping.set()
        with pytest.raises(Aborted):
            await serving
        return context

    context = asyncio.run(serve())
    assert len(context.written) == 1
    assert context.status == (StatusCode.UNAVAILABLE, "the server is stopping")


def test_stream_too_many_is_refused_until_another_ends(handle):
    async def serve():
        first, second, third = FakeContext(), FakeContext(), FakeContext()
        serving = asyncio.create_task(handle(None, first))
        await asyncio.sleep(0)
        with pytest.raises(Aborted):
            await handle(None, second)
        first.end()
        await serving
        third.end()
        await handle(None, third)
        return second.status, third.status

    (code, text), third = asyncio.run(serve())
    assert code == StatusCode.RESOURCE_EXHAUSTED
    assert text == "1 streams are open already, try again later"
    assert third is None


def test_work_of_a_stream_that_is_cancelled_is_dropped(handle, encode, runtime, running):
    async def serve():
        runtime.may_run.clear()
        serving = asyncio.create_task(handle(None, FakeContext(request(encode("red"), 1), request(encode("red"), 2))))
        while running.table.num_in_use < 2:
            await asyncio.sleep(0.01)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        while running.table.num_in_use:
            await asyncio.sleep(0.01)
        runtime.may_run.set()

    asyncio.run(serve())
