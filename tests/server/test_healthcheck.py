import socket
import subprocess
import sys
import threading

import pytest

from server.healthcheck import is_ready
from server.settings import Settings


@pytest.fixture
def server():
    """Answers one request with a status line; gives its port and what it was asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    requests = []

    def answer(status_line):
        connection, _ = listener.accept()
        with connection:
            requests.append(connection.recv(4096))
            connection.sendall(status_line)

    def serve(status_line):
        thread = threading.Thread(target=answer, args=(status_line,))
        thread.start()
        return thread, listener.getsockname()[1], requests

    with listener:
        yield serve


@pytest.mark.parametrize(
    ("status_line", "expected"),
    [(b"HTTP/1.1 200 OK\r\n\r\n", True), (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False), (b"", False)],
)
@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])  # noqa: S104 - where it asks
def test_is_ready_says_what_readyz_answers(server, status_line, expected, host):
    thread, port, requests = server(status_line)
    assert is_ready({"OPSIN_HOST": host, "OPSIN_PORT": str(port)}) is expected
    thread.join()
    assert requests[0].startswith(b"GET /readyz HTTP/1.1\r\n")


@pytest.mark.parametrize("port", ["1", "x", "70000"])
def test_nobody_there_is_not_ready(port):
    assert is_ready({"OPSIN_PORT": port}) is False


@pytest.mark.parametrize("environ", [{}, {"OPSIN_PORT": " "}, {"OPSIN_PORT": "tcp://10.0.0.1:80"}])
def test_default_address_is_that_of_the_server(monkeypatch, environ):
    addresses = []

    def refuse(address, **_):
        addresses.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuse)
    settings = Settings.from_environ(environ)
    assert is_ready(environ) is False
    assert addresses == [(settings.host, settings.port)]


def test_it_imports_neither_numpy_nor_the_web_framework():
    heavy = ("numpy", "flask", "gunicorn", "http.client")
    code = f"import sys, server.healthcheck; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
