"""The process that serves gRPC: where there is one, and what becomes of calls when it or the server ends."""

from __future__ import annotations

import contextlib
import os
import signal
import threading

import pytest

grpc = pytest.importorskip("grpc", reason="grpcio is not installed: requirements/grpc.txt")

from colours import RED  # noqa: E402
from grpc import StatusCode  # noqa: E402
from grpc_calls import WAIT_S, channel_to, infer, label_of, photo_request, stream, watch  # noqa: E402
from running_server import wait_until  # noqa: E402

pytestmark = pytest.mark.e2e
SERVING, NOT_SERVING = 1, 2


def test_nothing_of_grpc_is_loaded_where_it_is_not_wanted(served):
    assert served.children("opsin: grpc") == []
    for pid in [served.process.pid, *served.children("opsin: http")]:
        with open(f"/proc/{pid}/maps") as maps:  # noqa: PTH123
            assert "cygrpc" not in maps.read()


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
