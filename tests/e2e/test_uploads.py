"""Uploads in all forms, and rude clients, against the real server in processes of its own."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import threading

import pytest
from colours import COLOURS, FORM_RED, FORM_TYPE, RED, head_of, label_of, picture, read_answer

pytestmark = pytest.mark.e2e

CHUNKED_HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_all_forms_of_upload_are_answered(served):
    assert label_of(served.request("POST", "/predict", FORM_RED, FORM_TYPE)) == "red"
    assert label_of(served.request("POST", "/predict", RED, {"Content-Type": "image/png"})) == "red"
    document = json.dumps({"image": base64.b64encode(RED).decode()})
    assert label_of(served.request("POST", "/predict", document, {"Content-Type": "application/json"})) == "red"
    assert label_of(served.request("POST", "/predict", iter([RED[:20], RED[20:]]))) == "red"  # chunked


def test_parallel_clients_get_their_own_answers(served):
    wrong = []

    def ask(number):
        label = list(COLOURS)[number % 3]
        for _ in range(10):
            if label_of(served.request("POST", "/predict", picture(COLOURS[label]))) != label:
                wrong.append(label)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_large_upload_is_never_written_to_a_file(start):
    running = start(STUB_MAX_FILE_BYTES="200000", OPSIN_MAX_UPLOAD_BYTES="9000000").wait_until_ready()
    large = FORM_RED.replace(RED, RED + bytes(5_000_000))
    assert label_of(running.request("POST", "/predict", large, FORM_TYPE)) == "red"
    assert running.stop()[0] == 0


def test_client_that_sends_everything_first_still_reads_413(served):
    status, document = served.request("POST", "/predict", bytes(20_000_000))
    assert (status, document["error"]["code"]) == (413, "upload_too_large")


def test_endless_chunked_upload_is_413(served):
    with served.connect() as connection:
        connection.sendall(CHUNKED_HEAD)
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


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: bogus\r\n\r\n", 501),
        (CHUNKED_HEAD + b"zz\r\n", 400),
    ],
)
def test_what_is_no_http_is_refused_in_json(served, request_bytes, status):
    with served.connect() as connection:
        connection.sendall(request_bytes)
        found, document = read_answer(connection)
    assert (found, document["error"]["code"]) == (status, "malformed_http")


def test_requests_sent_ahead_are_answered_in_their_order(served):
    bodies = [picture(colour) for colour in COLOURS.values()]
    with served.connect() as connection, connection.makefile("rb") as answers:
        connection.sendall(b"".join(head_of(body) + body for body in bodies))
        for colour in COLOURS:
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


@pytest.mark.parametrize("upload", [head_of(RED) + RED[:-1], CHUNKED_HEAD + b"5\r\nhello\r\n"])
def test_incomplete_upload_is_400(served, upload):
    with served.connect() as connection:
        connection.sendall(upload)
        connection.shutdown(socket.SHUT_WR)
        status, document = read_answer(connection)
    assert (status, document["error"]["code"]) == (400, "incomplete_upload")


def test_connection_is_kept_after_errors(served):
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    with contextlib.closing(connection):
        for body, status in [(b"hello", 415), (RED, 200), (b"", 400), (RED, 200)]:
            connection.request("POST", "/predict", body)
            response = connection.getresponse()
            response.read()
            assert response.status == status
            assert connection.sock is not None
