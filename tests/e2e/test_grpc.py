"""gRPC on the real server: answers, errors, limits and deadlines."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest

grpc = pytest.importorskip("grpc", reason="grpcio is not installed: requirements/grpc.txt")

from colours import RED, picture  # noqa: E402
from grpc import StatusCode  # noqa: E402
from grpc_calls import (  # noqa: E402
    WAIT_S,
    channel_to,
    check,
    details_of,
    infer,
    label_of,
    photo_request,
    refused,
    stream,
)
from running_server import STUB, RunningServer, wait_until  # noqa: E402

from server.grpc.messages import message_class  # noqa: E402
from server.grpc.server import MAX_METADATA_BYTES  # noqa: E402

pytestmark = pytest.mark.e2e
SERVING = 1
MAX_BYTES = 300_000


@pytest.fixture(scope="module")
def running(repository):
    settings = {"OPSIN_GRPC_PORT": "0", "OPSIN_MAX_UPLOAD_BYTES": str(MAX_BYTES), "OPSIN_LOG_LEVEL": "info"}
    running = RunningServer([str(STUB)], {"OPSIN_REPOSITORY": str(repository), **settings})
    with contextlib.ExitStack() as ends:
        ends.callback(running.end)
        yield running.wait_until_ready()
        status, output = running.stop()
        assert status == 0
        assert "Traceback" not in output


@pytest.fixture
def channel(running):
    with channel_to(running) as channel:
        yield channel


def test_photo_is_classified_and_its_request_has_an_id(channel):
    response, call = infer(channel).with_call(
        photo_request(RED, id="7"), timeout=WAIT_S, metadata=[("x-request-id", "seven")]
    )
    assert (label_of(response), response.id) == ("red", "7")
    assert ("x-request-id", "seven") in call.trailing_metadata()


def test_health_is_that_of_the_server_and_its_models(channel):
    assert [check(channel, name) for name in ("", "inference.GRPCInferenceService", "colours", "colours/1")] == [1] * 4
    with pytest.raises(grpc.RpcError) as caught:
        check(channel, "nobody")
    assert caught.value.code() == StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("request_", "code", "reason"),
    [
        (photo_request(b"no picture"), StatusCode.INVALID_ARGUMENT, "UNSUPPORTED_IMAGE"),
        (photo_request(*[RED] * 33), StatusCode.INVALID_ARGUMENT, "TOO_MANY_IMAGES"),
        (
            message_class("inference.ModelInferRequest")(model_name="colours"),
            StatusCode.INVALID_ARGUMENT,
            "INVALID_REQUEST",
        ),
        (photo_request(RED, model_version="9"), StatusCode.NOT_FOUND, "MODEL_NOT_FOUND"),
    ],
)
def test_error_has_a_code_and_a_reason(channel, request_, code, reason):
    error = refused(infer(channel), request_)
    assert error.code() == code
    assert details_of(error)["google.rpc.ErrorInfo"].reason == reason


def test_message_that_is_none_is_refused(channel):
    error = refused(channel.unary_unary("/inference.GRPCInferenceService/ModelInfer"), b"\xff\xff\xff")
    assert (error.code(), error.details()) == (
        StatusCode.INVALID_ARGUMENT,
        "the message must be an inference.ModelInferRequest",
    )


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_message_past_the_limit_is_refused_whatever_it_is_packed_to(running, channel, compression):
    (worker,) = running.children("opsin: grpc")
    error = refused(infer(channel), photo_request(bytes(100 * MAX_BYTES)), compression=compression)
    assert error.code() == StatusCode.RESOURCE_EXHAUSTED
    assert running.children("opsin: grpc") == [worker]
    assert label_of(infer(channel)(photo_request(RED), timeout=WAIT_S)) == "red"


def test_call_ends_with_its_deadline_and_its_work_is_dropped(running, channel):
    with stopped_engine(running):
        with pytest.raises(grpc.RpcError) as caught:
            infer(channel)(photo_request(RED), timeout=0.3)
        assert caught.value.code() == StatusCode.DEADLINE_EXCEEDED
        cancelled = infer(channel).future(photo_request(RED), timeout=WAIT_S)
        wait_until(lambda: running.num_in_hand() >= 1)
        cancelled.cancel()
        wait_until(lambda: running.num_in_hand() == 0)
    assert label_of(infer(channel)(photo_request(RED), timeout=WAIT_S)) == "red"


@contextlib.contextmanager
def stopped_engine(running):
    (engine,) = running.children("opsin: engine cpu")
    os.kill(engine, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(engine, signal.SIGCONT)


def test_stream_is_answered_in_its_order_and_limits_hold_within_it(channel):
    requests = [photo_request(picture((0, 0, 255)), id="1"), photo_request(b"x", id="2"), photo_request(RED, id="3")]
    blue, bad, red = stream(channel)(iter(requests), timeout=WAIT_S)
    assert (label_of(blue.infer_response), label_of(red.infer_response)) == ("blue", "red")
    assert (bad.infer_response.id, bad.error_message[:5]) == ("2", "bytes") or bad.error_message


def test_metadata_has_one_limit(channel):
    def code(num_bytes):
        try:
            infer(channel)(photo_request(RED), timeout=WAIT_S, metadata=[("x-padding", "x" * num_bytes)])
        except grpc.RpcError as error:
            return error.code()
        return StatusCode.OK

    assert {code(MAX_METADATA_BYTES - 1500) for _ in range(20)} == {StatusCode.OK}
    assert code(MAX_METADATA_BYTES) == StatusCode.RESOURCE_EXHAUSTED


def test_process_stays_where_there_are_to_be_fewer_workers(running, channel):
    (worker,) = running.children("opsin: grpc")
    # What changes nothing is last: of two signals that wait, the master takes that with the lesser number first.
    signals = [(signal.SIGTTOU, 1), (signal.SIGTTIN, 2), (signal.SIGTTOU, 1), (signal.SIGTTOU, 1)]
    for signal_number, number in signals:
        os.kill(running.process.pid, signal_number)
        wait_until(lambda number=number: len(running.children("opsin: http")) == number)
        assert running.children("opsin: grpc") == [worker]
    assert check(channel) == SERVING


def test_port_in_use_is_one_clear_line(start, running):
    port = running.grpc.rpartition(":")[2]
    second = start(OPSIN_GRPC_PORT=port)
    status = second.process.wait(WAIT_S)
    assert status == 1
    assert second.process.stderr.read() == (
        f"opsin: cannot listen at 127.0.0.1:{port} for gRPC: the port is in use; set OPSIN_GRPC_PORT to another\n"
    )
