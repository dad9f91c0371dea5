"""The real server over TLS, with a certificate of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl

import pytest
from certificates import make_certificate
from colours import RED, head_of, label_of, read_answer
from running_server import STUB, RunningServer

from server.healthcheck import is_ready

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def running(repository, files):
    settings = {"OPSIN_TLS_CERTIFICATE": str(files[0]), "OPSIN_TLS_KEY": str(files[1])}
    running = RunningServer([str(STUB)], {"OPSIN_REPOSITORY": str(repository), **settings})
    with contextlib.ExitStack() as ends:
        ends.callback(running.end)
        yield running.wait_until_ready()
        assert running.stop()[0] == 0


def test_clients_that_know_the_certificate_are_answered(running, files):
    context = ssl.create_default_context(cafile=str(files[0]))
    connection = http.client.HTTPSConnection("localhost", running.port, timeout=30, context=context)
    for _ in range(3):  # one connection, kept
        connection.request("POST", "/predict", RED + bytes(3_000_000), {"Content-Type": "image/png"})
        assert label_of((200, json.loads(connection.getresponse().read()))) == "red"
    connection.request("GET", "/", headers={"Host": "photos.example"})
    assert "https://photos.example/predict" in connection.getresponse().read().decode()
    connection.close()


def test_request_in_tiny_records_and_a_refusal_before_its_body_are_answered(running):
    with running.connect() as connection:
        for byte in head_of(RED) + RED:
            connection.send(bytes([byte]))
        assert label_of(read_answer(connection)) == "red"
    with running.connect() as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n" + bytes(200_000))
        assert read_answer(connection)[0] == 413


def test_answers_that_are_asked_for_at_once_and_read_late_all_come(running):
    with running.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 59)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while data := connection.recv(100_000):
            received += data
    assert received.count(b"HTTP/1.1 200 OK\r\n") == received.count(b"</html>") == 60


def test_plain_http_is_not_answered_and_a_handshake_that_never_ends_holds_nobody_up(running):
    received = b""
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            received = plain.recv(1000)
    assert b"HTTP" not in received
    with contextlib.ExitStack() as silent:
        for _ in range(20):
            connection = silent.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=30))
            connection.send(b"\x16")
        assert running.request("GET", "/healthz")[0] == 200


def test_health_check_of_the_container_speaks_tls(running, files):
    environ = {"OPSIN_PORT": str(running.port), "OPSIN_TLS_CERTIFICATE": str(files[0])}
    assert is_ready(environ)
    assert not is_ready({"OPSIN_PORT": str(running.port)})
