import pytest

from benchmarks import network, rollout
from benchmarks.haproxy import BalancerFailed
from benchmarks.open_loop import Outcome
from benchmarks.phases import Phase
from benchmarks.rollout import main


@pytest.fixture(autouse=True)
def without_namespaces(monkeypatch):
    monkeypatch.setattr(network, "enter", lambda *_: "Operation not permitted")


def answered(status=200):
    return (Outcome(0, 10.0, 200, False), Outcome(0, 10.0, status, False))


def test_exit_status_says_whether_all_were_answered(monkeypatch, capsys):
    found = {"service": [Phase("a", answered())], "gateway": [Phase("b", answered(503))]}
    monkeypatch.setattr(rollout, "run", lambda kind, *_, **__: found[kind])
    assert main(["--only", "service"]) == 0
    assert main([]) == 1
    assert "| b | 2 | 1 (1 x 503)" in capsys.readouterr().out


def test_each_kind_has_a_host_for_each_replica_that_will_ever_be(monkeypatch, capsys):
    given = []
    monkeypatch.setattr(rollout, "run", lambda _, hosts, **__: given.append(hosts) or [Phase("a", answered())])
    assert main(["--replicas", "2"]) == 0
    assert [len(hosts) for hosts in given] == [5, 5]
    assert len({host.port for hosts in given for host in hosts}) == 10
    assert "ports on loopback (Operation not permitted), so none is cut off" in capsys.readouterr().out


def test_want_of_a_balancer_is_one_line_and_status_2(monkeypatch, capsys):
    def fail(*_, **__):
        raise BalancerFailed("haproxy is not installed")

    monkeypatch.setattr(rollout, "run", fail)
    assert main([]) == 2
    assert capsys.readouterr().err == "python -m benchmarks.rollout: haproxy is not installed\n"
