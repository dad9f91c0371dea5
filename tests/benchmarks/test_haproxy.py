from pathlib import Path

import pytest

from benchmarks import haproxy
from benchmarks.haproxy import Balancer, BalancerFailed, configuration


def lines(kind):
    return [line.strip() for line in configuration(kind, 80, [5001, 5002], Path("/admin")).splitlines()]


def test_service_hands_connections_on_and_repeats_nothing():
    written = lines("service")
    assert {"mode tcp", "retries 0"} <= set(written)
    assert not [line for line in written if line.startswith(("retry-on", "option redispatch"))]


def test_gateway_repeats_a_request_that_nobody_answered_with_another_server():
    written = lines("gateway")
    assert {"mode http", "retries 3", "option redispatch 1", "retry-on conn-failure empty-response"} <= set(written)
    assert f"tune.bufsize {haproxy.BUFFER_BYTES}" in written


@pytest.mark.parametrize("kind", ["service", "gateway"])
def test_servers_are_checked_as_pods_are_and_none_is_there_at_first(kind):
    written = lines(kind)
    assert {"option httpchk GET /readyz", "http-check expect status 200"} <= set(written)
    servers = [line.split() for line in written if line.startswith("server ")]
    assert [(words[1], words[2], words[-1]) for words in servers] == [
        ("replica0", "127.0.0.1:5001", "disabled"),
        ("replica1", "127.0.0.1:5002", "disabled"),
    ]


def test_want_of_haproxy_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setattr(haproxy.shutil, "which", lambda *_, **__: None)
    with pytest.raises(BalancerFailed, match="apt-get install haproxy"):
        Balancer("service", [5001])
