"""Many calls over gRPC at once: those that stand still, wait or are too many keep no other waiting."""

from __future__ import annotations

import contextlib
from collections import Counter

import pytest

grpc = pytest.importorskip("grpc", reason="grpcio is not installed: requirements/grpc.txt")

from colours import RED  # noqa: E402
from grpc import StatusCode  # noqa: E402
from grpc_calls import WAIT_S, ask, channel_to, check, details_of, infer, label_of, photo_request, stream  # noqa: E402
from http2_frames import connect_with_begun_calls  # noqa: E402
from running_server import stopped, wait_until  # noqa: E402

from benchmarks.processes import pss_bytes  # noqa: E402
from server.grpc.control import MAX_WAITING  # noqa: E402
from server.grpc.messages import message_class  # noqa: E402

pytestmark = pytest.mark.e2e
SERVING = 1
MAX_STREAMS_BYTES = 150e6
TOKEN = "let-me-in"  # noqa: S105 - a test's own


def test_calls_that_stand_still_keep_nobody_waiting_and_end_with_their_time(start):
    running = start(OPSIN_GRPC_PORT="0", OPSIN_READ_TIMEOUT_MS="2000").wait_until_ready()
    path = "/inference.GRPCInferenceService/ModelInfer"
    with contextlib.ExitStack() as held, channel_to(running) as channel:
        for _ in range(10):
            held.enter_context(connect_with_begun_calls(running.grpc, path, 50))
        assert label_of(infer(channel)(photo_request(RED), timeout=WAIT_S)) == "red"
        assert check(channel) == SERVING
        code = "DEADLINE_EXCEEDED"
        wait_until(lambda: running.counted("opsin_grpc_requests_total", method="ModelInfer", code=code) == 500)
    assert running.stop()[0] == 0


@pytest.mark.extended(covers=["server/grpc/*.py"])
def test_ten_thousand_streams_take_bounded_memory_and_others_are_answered(start):
    running = start(OPSIN_GRPC_PORT="0", OPSIN_READ_TIMEOUT_MS="3000").wait_until_ready()
    [worker] = running.children("opsin: grpc")
    path = "/inference.GRPCInferenceService/ModelStreamInfer"
    with channel_to(running) as channel:
        assert label_of(infer(channel)(photo_request(RED), timeout=WAIT_S)) == "red"
        before = pss_bytes([worker])
        with contextlib.ExitStack() as held:
            for _ in range(100):
                held.enter_context(connect_with_begun_calls(running.grpc, path, 100))
            for _ in range(20):  # the first waits until all streams have had their turn
                assert label_of(infer(channel)(photo_request(RED), timeout=8 * WAIT_S)) == "red"
                assert check(channel) == SERVING
            assert pss_bytes([worker]) < before + MAX_STREAMS_BYTES
        wait_until(lambda: is_stream_answered(channel))  # once the server has noticed that the others have gone
    assert running.children("opsin: grpc") == [worker]
    assert running.stop()[0] == 0


def is_stream_answered(channel):
    try:
        [answer] = stream(channel)(iter([photo_request(RED)]), timeout=WAIT_S)
    except grpc.RpcError as error:
        if error.code() != StatusCode.RESOURCE_EXHAUSTED:
            raise
        return False
    return label_of(answer.infer_response) == "red"


def test_server_that_has_too_much_to_do_says_when_to_come_back(start):
    running = start(
        OPSIN_GRPC_PORT="0", OPSIN_WORKERS="1", OPSIN_MAX_QUEUE="2", OPSIN_MAX_IMAGES="2", STUB_SLEEP_S="0.5"
    ).wait_until_ready()
    with channel_to(running) as channel:
        calls = [infer(channel).future(photo_request(RED), timeout=WAIT_S) for _ in range(8)]
        errors = [call.exception() for call in calls]
        refusals = [error for error in errors if error is not None]
        assert refusals
        assert None in errors
        assert {error.code() for error in refusals} == {StatusCode.RESOURCE_EXHAUSTED}
        assert all(details_of(error)["google.rpc.RetryInfo"].retry_delay.seconds >= 1 for error in refusals)
        assert check(channel) == SERVING
    assert running.stop()[0] == 0


def test_calls_that_wait_for_a_model_keep_no_other_waiting(start):
    running = start(OPSIN_GRPC_PORT="0", OPSIN_ADMIN_TOKEN=TOKEN, OPSIN_ENGINE_TIMEOUT_MS="60000").wait_until_ready()
    load = message_class("inference.RepositoryModelLoadRequest")(model_name="colours")
    metadata = [("authorization", f"Bearer {TOKEN}")]
    [engine] = running.children("opsin: engine")
    with channel_to(running) as channel:
        with stopped(engine):
            ask_to_load = ask(channel, "RepositoryModelLoad").future
            waiting = [ask_to_load(load, timeout=WAIT_S, metadata=metadata) for _ in range(MAX_WAITING + 1)]
            wait_until(lambda: any(call.done() for call in waiting))  # then all others wait
            asked = message_class("inference.ServerMetadataRequest")()
            assert ask(channel, "ServerMetadata")(asked, timeout=WAIT_S).name == "opsin"
        codes = Counter(call.code() for call in waiting)
        assert codes == {StatusCode.OK: MAX_WAITING, StatusCode.RESOURCE_EXHAUSTED: 1}
    assert running.stop()[0] == 0
