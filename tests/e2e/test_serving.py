"""The real server in processes of its own: all forms of upload, rude clients, signals, and starts that fail."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import os
import signal
import socket
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from PIL import Image
from running_server import START_S, STUB, ZOO, RunningServer

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def served(repository):
    """One server for the tests that leave it as it was."""
    running = RunningServer(
        [str(STUB)],
        {"OPSIN_REPOSITORY": str(repository), "OPSIN_READ_TIMEOUT_MS": "1000", "OPSIN_MAX_UPLOAD_BYTES": "3000000"},
    ).wait_until_ready()
    yield running
    running.end()


def encode(colour, size=(8, 8)):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


RED = encode((255, 0, 0))
FORM_TYPE = {"Content-Type": "multipart/form-data; boundary=XYZ"}
FORM_RED = (
    b'--XYZ\r\nContent-Disposition: form-data; name="image"; filename="red.png"\r\n\r\n' + RED + b"\r\n--XYZ--\r\n"
)


def label_of(answer):
    status, document = answer
    assert status == 200, document
    return document["predictions"][0]["label"]


def read_answer(connection):
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response.status, json.loads(response.read())


def test_all_forms_of_upload_are_answered(served):
    assert label_of(served.request("POST", "/predict", FORM_RED, FORM_TYPE)) == "red"
    assert label_of(served.request("POST", "/predict", RED, {"Content-Type": "image/png"})) == "red"
    document = json.dumps({"image": base64.b64encode(RED).decode()})
    assert label_of(served.request("POST", "/predict", document, {"Content-Type": "application/json"})) == "red"
    assert label_of(served.request("POST", "/predict", iter([RED[:20], RED[20:]]))) == "red"  # chunked


def test_parallel_clients_get_their_own_answers(served):
    colours = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
    wrong = []

    def ask(number):
        label = list(colours)[number % 3]
        for _ in range(10):
            if label_of(served.request("POST", "/predict", encode(colours[label]))) != label:
                wrong.append(label)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_client_that_sends_everything_first_still_reads_413(served):
    status, document = served.request("POST", "/predict", bytes(20_000_000))
    assert (status, document["error"]["code"]) == (413, "upload_too_large")


def test_endless_chunked_upload_is_413(served):
    with served.connect() as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(40):
                connection.sendall(b"20000\r\n" + bytes(0x20000) + b"\r\n")
        status, document = read_answer(connection)
    assert (status, document["error"]["code"]) == (413, "upload_too_large")


def test_slow_upload_is_408_and_disconnected_ones_are_forgotten(served):
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    with served.connect() as slow:
        slow.sendall(head + b"x")
        for _ in range(20):
            with served.connect() as gone:
                gone.sendall(head + b"x")
        status, document = read_answer(slow)
        assert (status, document["error"]["code"]) == (408, "upload_timeout")
    assert label_of(served.request("POST", "/predict", RED)) == "red"


def test_silent_and_stalled_connections_do_not_keep_others_waiting(served):
    with contextlib.ExitStack() as stack:
        for number in range(100):
            connection = stack.enter_context(served.connect())
            connection.sendall(b"POST /predict HTTP/1.1\r\nHo" if number < 10 else b"")
        started = time.monotonic()
        assert label_of(served.request("POST", "/predict", RED)) == "red"
        assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: bogus\r\n\r\n", 501),
    ],
)
def test_what_is_no_http_is_refused_in_json(served, request_bytes, status):
    with served.connect() as connection:
        connection.sendall(request_bytes)
        found, document = read_answer(connection)
    assert (found, document["error"]["code"]) == (status, "malformed_http")


def head_of(body, *headers):
    lines = ["POST /predict HTTP/1.1", "Host: x", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def test_requests_sent_ahead_are_answered_in_their_order(served):
    colours = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
    bodies = [encode(colour) for colour in colours.values()]
    with served.connect() as connection, connection.makefile("rb") as answers:
        connection.sendall(b"".join(head_of(body) + body for body in bodies))
        for colour in colours:
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = http.client.parse_headers(answers)
            document = json.loads(answers.read(int(headers["Content-Length"])))
            assert document["predictions"][0]["label"] == colour


def test_client_that_asks_first_is_told_to_go_on(served):
    with served.connect() as connection:
        connection.sendall(head_of(RED, "Expect: 100-continue"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(RED)
        assert label_of(read_answer(connection)) == "red"


def test_client_that_ends_its_sending_still_gets_its_answer(start):
    running = start(STUB_SLEEP_S="0.5").wait_until_ready()
    with running.connect() as connection:
        connection.sendall(head_of(RED) + RED)
        connection.shutdown(socket.SHUT_WR)
        assert label_of(read_answer(connection)) == "red"


def test_incomplete_upload_is_400(served):
    with served.connect() as connection:
        connection.sendall(head_of(RED) + RED[:-1])
        connection.shutdown(socket.SHUT_WR)
        status, document = read_answer(connection)
    assert (status, document["error"]["code"]) == (400, "incomplete_upload")


def test_unfinished_uploads_hold_no_thread(start):
    running = start(OPSIN_THREADS="1", OPSIN_WORKERS="1").wait_until_ready()
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(running.connect()) for _ in range(50)]
        for connection in connections:
            connection.sendall(head_of(RED) + RED[:-1])
        assert label_of(running.request("POST", "/predict", RED)) == "red"
        for connection in connections:
            connection.sendall(RED[-1:])
            assert label_of(read_answer(connection)) == "red"


def assert_overloaded(response, document):
    assert (response.status, document["error"]["code"]) == (503, "overloaded")
    assert int(response.headers["Retry-After"]) >= 1
    assert response.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "environ", [{"OPSIN_THREADS": "2"}, {"OPSIN_MAX_QUEUE": "2", "OPSIN_MAX_IMAGES": "2"}], ids=["threads", "slots"]
)
def test_more_than_there_is_room_for_is_503_and_the_connection_is_kept(start, environ):
    running = start(OPSIN_WORKERS="1", STUB_SLEEP_S="2", **environ).wait_until_ready()
    answers = []
    asking = [threading.Thread(target=lambda: answers.append(running.request("POST", "/predict", RED))) for _ in "12"]
    for thread in asking:
        thread.start()
    time.sleep(0.5)
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    with contextlib.closing(connection):
        for _ in range(2):
            connection.request("POST", "/predict", RED)
            response = connection.getresponse()
            assert_overloaded(response, json.loads(response.read()))
            assert connection.sock is not None
        assert running.request("GET", "/healthz")[0] == 200
    for thread in asking:
        thread.join()
    assert [label_of(answer) for answer in answers] == ["red", "red"]


@pytest.mark.parametrize("is_chunked", [False, True])
def test_more_bytes_than_may_be_in_hand_are_503(start, is_chunked):
    limits = {"OPSIN_MAX_UPLOAD_BYTES": "1000000", "OPSIN_MAX_UPLOADS_IN_HAND_BYTES": "1000000"}
    running = start(OPSIN_WORKERS="1", **limits).wait_until_ready()
    large = RED + bytes(700_000)
    with running.connect() as slow:
        slow.sendall(head_of(large) + large[:-1])
        time.sleep(0.5)
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("POST", "/predict", iter([large]) if is_chunked else large)
            response = connection.getresponse()
            assert_overloaded(response, json.loads(response.read()))
        slow.sendall(large[-1:])
        assert label_of(read_answer(slow)) == "red"
    assert label_of(running.request("POST", "/predict", large)) == "red"


def test_each_worker_gets_its_share_of_the_connections(served):
    def num_sockets(pid):
        return sum(str(file.readlink()).startswith("socket:") for file in Path(f"/proc/{pid}/fd").iterdir())

    workers = served.children("opsin: http")
    before = [num_sockets(pid) for pid in workers]
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            connection = stack.enter_context(served.connect())
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_answer(connection)[0] == 200
        assert all(num_sockets(pid) - before[number] >= 4 for number, pid in enumerate(workers))


def test_stop_under_load_gives_no_other_answer_than_200_and_503(start):
    running = start(STUB_SLEEP_S="0.01").wait_until_ready()
    statuses, losses = [], []

    def ask_until_refused():
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        while True:
            if connection.sock is None:
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    return
            try:
                connection.request("POST", "/predict", RED)
                response = connection.getresponse()
                response.read()
                statuses.append(response.status)
            except (OSError, http.client.HTTPException) as error:
                losses.append(error)
                connection.close()

    asking = [threading.Thread(target=ask_until_refused) for _ in range(16)]
    for thread in asking:
        thread.start()
    time.sleep(1)
    status, output, _ = running.stop()
    for thread in asking:
        thread.join()
    assert (status, output, losses) == (0, "", [])
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) > 16


def test_connection_is_kept_after_errors(served):
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    with contextlib.closing(connection):
        for body, status in [(b"hello", 415), (RED, 200), (b"", 400), (RED, 200)]:
            connection.request("POST", "/predict", body)
            response = connection.getresponse()
            response.read()
            assert response.status == status
            assert connection.sock is not None


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_cleanly_and_the_request_in_hand_is_answered(start, how):
    running = start(STUB_SLEEP_S="1").wait_until_ready()
    with running.connect(), running.connect() as idle:  # one silent, one kept alive
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(idle)[0] == 200
        answers = []
        asking = threading.Thread(target=lambda: answers.append(running.request("POST", "/predict", RED)))
        asking.start()
        time.sleep(0.4)
        status, output, took_s = running.stop(how)
        asking.join()
    assert label_of(answers[0]) == "red"
    assert (status, output) == (0, "")
    assert took_s < 10


def test_ctrl_c_during_the_start_leaves_no_traceback():
    running = RunningServer(["-m", "server"], {})
    time.sleep(0.3)
    status, output, _ = running.stop(signal.SIGINT)
    assert status in (0, -signal.SIGINT, 2)  # 2: there was no model to serve, and it had said so already
    assert "Traceback" not in output


def test_signal_while_other_workers_still_start_ends_it_cleanly(start):
    running = start(OPSIN_WORKERS="4")
    assert running.process.stdout.readline().startswith("Opsin serves")
    assert running.process.stdout.readline().startswith("Opsin runs on ")
    assert running.stop()[:2] == (0, "")


def test_devices_and_why_are_told_at_the_start_and_on_readyz(start):
    running = start(OPSIN_DEVICE="cpu").wait_until_ready()
    _, document = running.request("GET", "/readyz")
    assert (document["devices"], document["devices_reason"]) == (["cpu"], "OPSIN_DEVICE is cpu")
    assert running.devices == "Opsin runs on cpu, because OPSIN_DEVICE is cpu\n"


def test_second_ctrl_c_does_not_wait(start):
    running = start(STUB_SLEEP_S="15").wait_until_ready()
    with running.connect() as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(RED) + RED)
        time.sleep(0.3)
        os.killpg(running.process.pid, signal.SIGINT)
        time.sleep(0.5)
        status, output, took_s = running.stop(signal.SIGINT)
    assert status == 0
    assert "Traceback" not in output
    assert took_s < 10


def test_killed_worker_is_replaced(start):
    running = start(OPSIN_WORKERS="1").wait_until_ready()
    (worker,) = running.children("opsin: http")
    os.kill(worker, signal.SIGKILL)
    assert label_of(running.request("POST", "/predict", RED)) == "red"
    assert running.stop()[0] == 0


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("load", "opsin: model 'colours' version 1 cannot be served: the stub cannot be loaded"),
        ("crash", "opsin: the engine could not start (SIGKILL)"),
    ],
)
def test_model_that_cannot_be_loaded_ends_the_start(start, how, message):
    running = start(STUB_FAIL=how)
    output, errors = running.process.communicate(timeout=START_S)
    assert running.process.returncode not in (0, None)
    assert message in errors
    assert "Traceback" not in errors
    assert output == ""


def test_large_upload_is_never_written_to_a_file(start):
    running = start(STUB_MAX_FILE_BYTES="100000", OPSIN_MAX_UPLOAD_BYTES="9000000").wait_until_ready()
    large = FORM_RED.replace(RED, RED + bytes(5_000_000))
    assert label_of(running.request("POST", "/predict", large, FORM_TYPE)) == "red"
    assert running.stop()[0] == 0


@pytest.mark.skipif(not any(ZOO.glob("*/*/manifest.json")), reason="no model is shipped in models/zoo yet")
def test_shipped_model_answers_over_http():
    running = RunningServer(["-m", "server"], {})
    try:
        running.wait_until_ready()
        status, document = running.request("POST", "/predict", FORM_RED, FORM_TYPE)
        assert status == 200
        (prediction,) = document["predictions"]
        assert prediction["filename"] == "red.png"
        assert prediction["top_k"][0] == {"label": prediction["label"], "probability": prediction["probability"]}
        with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/") as page:
            assert document["model"] in page.read().decode()
        status, output, _ = running.stop(signal.SIGINT)
        assert (status, "Traceback" in output) == (0, False)
    finally:
        running.end()
