"""gRPC on the real server: its limits and deadlines, who is let in, and what becomes of calls when processes end."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import threading
import time
from collections import Counter

import pytest

grpc = pytest.importorskip("grpc", reason="grpcio is not installed: requirements/grpc.txt")

from certificates import make_certificate  # noqa: E402
from colours import RED, picture, publish_stub  # noqa: E402
from grpc import StatusCode  # noqa: E402
from grpc_calls import (  # noqa: E402
    WAIT_S,
    ask,
    channel_to,
    check,
    details_of,
    infer,
    label_of,
    photo_request,
    stream,
    watch,
)
from http2_frames import connect_with_begun_calls  # noqa: E402
from running_server import STUB, RunningServer, stopped, wait_until  # noqa: E402

from benchmarks.processes import pss_bytes  # noqa: E402
from server.grpc.control import MAX_WAITING  # noqa: E402
from server.grpc.messages import message_class  # noqa: E402
from server.grpc.server import MAX_METADATA_BYTES  # noqa: E402

pytestmark = pytest.mark.e2e
SERVING, NOT_SERVING = 1, 2
MAX_BYTES = 300_000
MAX_STREAMS_BYTES = 150e6
TOKEN = "let-me-in"  # noqa: S105 - a test's own


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


def refused(call, *arguments, **options):
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, timeout=WAIT_S, **options)
    return caught.value


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
        started = time.monotonic()
        with pytest.raises(grpc.RpcError) as caught:
            infer(channel)(photo_request(RED), timeout=0.3)
        assert caught.value.code() == StatusCode.DEADLINE_EXCEEDED
        assert time.monotonic() - started < WAIT_S
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
        list(stream(channel)(iter([photo_request(RED)]), timeout=WAIT_S))
    assert running.children("opsin: grpc") == [worker]
    assert running.stop()[0] == 0


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


def test_keys_are_asked_for_but_not_of_health(start, tmp_path):
    (tmp_path / "keys").write_text(f"app sha256:{hashlib.sha256(b'right').hexdigest()}\n")
    running = start(OPSIN_GRPC_PORT="0", OPSIN_API_KEYS_FILE=str(tmp_path / "keys")).wait_until_ready()
    with channel_to(running) as channel:
        assert refused(infer(channel), photo_request(RED)).code() == StatusCode.UNAUTHENTICATED
        for metadata in [("authorization", "Bearer right")], [("x-api-key", "right")]:
            assert label_of(infer(channel)(photo_request(RED), timeout=WAIT_S, metadata=metadata)) == "red"
        wrong = [("x-api-key", "wrong")]
        assert refused(infer(channel), photo_request(RED), metadata=wrong).code() == StatusCode.UNAUTHENTICATED
        assert check(channel) == SERVING
        assert ask(channel, "ServerLive")(message_class("inference.ServerLiveRequest")(), timeout=WAIT_S).live
        metadata_of = ask(channel, "ServerMetadata")
        error = refused(metadata_of, message_class("inference.ServerMetadataRequest")())
        assert error.code() == StatusCode.UNAUTHENTICATED


def test_models_are_unloaded_and_loaded_with_the_admin_token(start, tmp_path):
    publish_stub(tmp_path, "birds")
    publish_stub(tmp_path, "colours")
    running = start(
        OPSIN_GRPC_PORT="0", OPSIN_REPOSITORY=str(tmp_path / "models"), OPSIN_ADMIN_TOKEN=TOKEN
    ).wait_until_ready()
    with channel_to(running) as channel:

        def control(verb, token=TOKEN, **parameters):
            request = message_class(f"inference.RepositoryModel{verb}Request")(
                model_name="colours", parameters=parameters
            )
            metadata = [("authorization", f"Bearer {token}")]
            return ask(channel, f"RepositoryModel{verb}")(request, timeout=WAIT_S, metadata=metadata)

        assert check(channel, "colours") == SERVING
        control("Unload", unload_dependents={"bool_param": False})
        assert refused(infer(channel), photo_request(RED)).code() == StatusCode.NOT_FOUND
        control("Load")
        assert label_of(infer(channel)(photo_request(RED), timeout=WAIT_S)) == "red"
        for options, code in [
            ({"token": "other"}, StatusCode.UNAUTHENTICATED),
            ({"config": {"string_param": "{}"}}, StatusCode.INVALID_ARGUMENT),
        ]:
            with pytest.raises(grpc.RpcError) as caught:
                control("Load", **options)
            assert caught.value.code() == code
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


def test_metadata_has_one_limit(channel):
    def code(num_bytes):
        try:
            infer(channel)(photo_request(RED), timeout=WAIT_S, metadata=[("x-padding", "x" * num_bytes)])
        except grpc.RpcError as error:
            return error.code()
        return StatusCode.OK

    assert {code(MAX_METADATA_BYTES - 1500) for _ in range(20)} == {StatusCode.OK}
    assert code(MAX_METADATA_BYTES) == StatusCode.RESOURCE_EXHAUSTED


def test_certificate_is_that_of_https(start, tmp_path):
    certificate, key = make_certificate(tmp_path)
    running = start(
        OPSIN_GRPC_PORT="0", OPSIN_TLS_CERTIFICATE=str(certificate), OPSIN_TLS_KEY=str(key)
    ).wait_until_ready()
    credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
    with channel_to(running, credentials) as channel:
        assert label_of(infer(channel)(photo_request(RED), timeout=WAIT_S)) == "red"
    with channel_to(running) as channel:
        assert refused(infer(channel), photo_request(RED)).code() == StatusCode.UNAVAILABLE


def test_process_that_is_killed_is_replaced_and_costs_http_nothing(start):
    running = start(OPSIN_GRPC_PORT="0").wait_until_ready()
    with channel_to(running) as channel, running.connect() as connection:
        assert label_of(infer(channel)(photo_request(RED), timeout=WAIT_S)) == "red"
        (worker,) = running.children("opsin: grpc")
        others = running.children("opsin: http")
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: running.children("opsin: grpc") not in ([], [worker]))
        answer = infer(channel)(photo_request(RED), timeout=WAIT_S, wait_for_ready=True)
        assert label_of(answer) == "red"
        assert running.children("opsin: http") == others
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert running.stop()[0] == 0


def test_process_stays_where_there_are_to_be_fewer_workers(running, channel):
    (worker,) = running.children("opsin: grpc")
    for signal_number, number in [(signal.SIGTTOU, 1), (signal.SIGTTOU, 1), (signal.SIGTTIN, 2)]:
        os.kill(running.process.pid, signal_number)
        wait_until(lambda number=number: len(running.children("opsin: http")) == number)
        assert running.children("opsin: grpc") == [worker]
    assert check(channel) == SERVING


def test_what_has_come_is_answered_when_the_server_stops(start):
    running = start(OPSIN_GRPC_PORT="0", OPSIN_WORKERS="1", STUB_SLEEP_S="1").wait_until_ready()
    with channel_to(running) as channel:
        states = []
        watching = watch(channel)
        reader = threading.Thread(target=collect, args=(watching, states))
        reader.start()
        wait_until(lambda: states == [SERVING])
        call = infer(channel).future(photo_request(RED), timeout=WAIT_S)
        conversation = stream(channel)(iter([photo_request(RED)]), timeout=WAIT_S)
        wait_until(lambda: running.num_in_hand() == 2)
        os.kill(running.process.pid, signal.SIGTERM)
        assert label_of(call.result()) == "red"
        assert label_of(next(conversation).infer_response) == "red"
        reader.join(WAIT_S)
        assert states == [SERVING, NOT_SERVING]
        assert watching.code() == StatusCode.UNAVAILABLE
    status, output = running.stop()
    assert status == 0
    assert "Traceback" not in output, output


def collect(call, states):
    with contextlib.suppress(grpc.RpcError):
        for each in call:
            states.append(each.status)


def test_port_in_use_is_one_clear_line(start, running):
    port = running.grpc.rpartition(":")[2]
    second = start(OPSIN_GRPC_PORT=port)
    status = second.process.wait(WAIT_S)
    assert status == 1
    assert second.process.stderr.read() == (
        f"opsin: cannot listen at 127.0.0.1:{port} for gRPC: the port is in use; set OPSIN_GRPC_PORT to another\n"
    )


def test_nothing_of_grpc_is_loaded_where_it_is_not_wanted(served):
    assert served.children("opsin: grpc") == []
    for pid in [served.process.pid, *served.children("opsin: http")]:
        with open(f"/proc/{pid}/maps") as maps:  # noqa: PTH123
            assert "cygrpc" not in maps.read()
