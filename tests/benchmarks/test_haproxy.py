import shutil
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest
from waiting import wait_until

from benchmarks import haproxy
from benchmarks.haproxy import Balancer, BalancerFailed, configuration
from benchmarks.network import Host
from server.settings import Settings

HOSTS = [Host("198.18.0.10", 5001), Host("198.18.0.11", 5002)]


def lines(kind):
    return [line.strip() for line in configuration(kind, 80, HOSTS, Path("/admin")).splitlines()]


def test_service_hands_connections_on_and_repeats_nothing():
    written = lines("service")
    assert {"mode tcp", "retries 0"} <= set(written)
    assert not [line for line in written if line.startswith(("retry-on", "option redispatch"))]


def test_gateway_repeats_a_request_that_nobody_answered_with_another_server():
    written = lines("gateway")
    assert {"mode http", "retries 3", "option redispatch 1"} <= set(written)
    assert "retry-on conn-failure empty-response response-timeout" in written
    assert f"tune.bufsize {haproxy.BUFFER_BYTES}" in written


@pytest.mark.parametrize("kind", ["service", "gateway"])
def test_servers_are_checked_as_pods_are_and_none_is_there_at_first(kind):
    written = lines(kind)
    assert {"option httpchk GET /readyz", "http-check expect status 200"} <= set(written)
    servers = [line.split() for line in written if line.startswith("server ")]
    each = [("replica0", "198.18.0.10:5001", "disabled"), ("replica1", "198.18.0.11:5002", "disabled")]
    assert [(words[1], words[2], words[-1]) for words in servers if "check" in words] == each
    unchecked = [(words[1], words[2], words[-1]) for words in servers if "check" not in words]
    assert unchecked == (each if kind == "gateway" else [])


class Unready(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if self.path == "/readyz" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("haproxy", path="/usr/sbin:/usr/bin") is None, reason="needs haproxy")
@pytest.mark.parametrize(("kind", "expected"), [("gateway", [200] * 4), ("service", [None] * 4)])
def test_gateway_asks_all_servers_where_its_checks_have_taken_all_out(kind, expected):
    def status(port):
        try:
            with urlopen(f"http://127.0.0.1:{port}/predict", timeout=30) as answer:
                return answer.status
        except OSError:
            return None

    with ExitStack() as stack:
        servers = [stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Unready)) for _ in range(2)]
        for server in servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
        balancer = stack.enter_context(Balancer(kind, [Host("127.0.0.1", server.server_port) for server in servers]))
        for number in range(2):
            balancer.set_state(number, "ready")
        wait_until(lambda: len(balancer.taken_out) == 2)
        assert [status(balancer.port) for _ in range(4)] == expected


def test_gateway_waits_for_longer_than_a_server_takes_to_answer():
    assert f"timeout server {haproxy.TRY_S}s" in lines("gateway")
    assert Settings().request_timeout_ms < 1000 * haproxy.TRY_S


def test_want_of_haproxy_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setattr(haproxy.shutil, "which", lambda *_, **__: None)
    with pytest.raises(BalancerFailed, match="apt-get install haproxy"):
        Balancer("service", HOSTS)
