"""Rounds with toy servers: what they are asked, and what becomes of one that fails."""

import json
from dataclasses import replace

import pytest

from benchmarks.peers import rounds
from benchmarks.peers.contestants import Contestant
from benchmarks.peers.loads import Kind
from benchmarks.peers.rounds import Rounds
from benchmarks.plan import Plan
from benchmarks.service import StartFailed
from benchmarks.workload import photo_request, shipped
from benchmarks.wrk import Load

LONE = Kind(1)
ANSWER = (("cat", 0.75), ("dog", 0.25))


class Standing:
    """A service whose server is a toy."""

    def __init__(self, server):
        self.port = server.port
        self.calls = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.calls.append("gone")

    def pids(self):
        return []

    def halt(self):
        self.calls.append("halted")

    def resume(self):
        self.calls.append("resumed")


@pytest.fixture
def contestant(toy_server):
    def make(name, answer=ANSWER, status=200):
        server = toy_server(lambda _: (status, {}, json.dumps(answer).encode()))
        standing = Standing(server)
        made = Contestant(name, "", lambda _: standing, photo_request, lambda read: tuple(map(tuple, read)))
        return made, standing

    return make


@pytest.fixture
def compare(monkeypatch, contestant):
    """Run two rounds of Opsin, a toy too, and others, without waiting and without wrk."""
    loaded = []

    def load(standing, _requests, *, connections, seconds):
        loaded.append(standing.port)
        return Load(seconds, 1, connections, 1, {"200": 1})

    monkeypatch.setattr(rounds, "run_wrk", load)
    monkeypatch.setattr(rounds, "_IDLE_S", 0.01)
    monkeypatch.setattr(rounds, "_LOOK_S", 0.01)
    monkeypatch.setattr(Kind, "photos", lambda _: (b"one", b"two"))

    def run(*others):
        ours, _ = contestant("Opsin")
        monkeypatch.setattr(rounds, "OPSIN", ours)
        return Rounds(shipped(), Plan(rounds=2, load_s=3), others).run([LONE]).measured, loaded

    return run


def test_every_server_is_loaded_once_a_round(compare, contestant):
    peer, standing = contestant("FastAPI")
    measured, loaded = compare(peer)
    assert [load.rate for load in measured["FastAPI"].loads[LONE]] == [3, 3]
    assert len(loaded) == 4
    assert loaded.count(standing.port) == 2
    assert (len(measured["Opsin"].starts_s), len(measured["Opsin"].memory_mb)) == (2, 2)
    assert standing.calls[-2:] == ["resumed", "gone"]


def test_server_with_another_answer_is_not_timed(compare, contestant):
    peer, standing = contestant("FastAPI", (("dog", 0.75), ("cat", 0.25)))
    measured, loaded = compare(peer)
    assert measured["FastAPI"].failure.startswith("not compared: photo 0 is (('dog', 0.75)")
    assert standing.port not in loaded


def test_server_that_does_not_start_is_a_row_with_the_reason(compare, contestant):
    peer, _ = contestant("PyTriton")

    def start(_):
        raise StartFailed("no libb64.so")

    measured, _ = compare(replace(peer, start=start))
    assert measured["PyTriton"].failure == "did not start: no libb64.so"
    assert len(measured["Opsin"].loads[LONE]) == 2


def test_server_that_starts_the_second_time_is_compared(compare, contestant):
    peer, standing = contestant("PyTriton")
    tries = []

    def start(_):
        tries.append("a try")
        if len(tries) == 1:
            raise StartFailed("a handshake took too long")
        return standing

    measured, _ = compare(replace(peer, start=start))
    assert measured["PyTriton"].failure == ""
    assert len(measured["PyTriton"].starts_s) == 2


def test_server_that_answers_an_error_did_not_start(compare, contestant):
    peer, _ = contestant("LitServe", status=500)
    measured, _ = compare(peer)
    assert measured["LitServe"].failure.startswith("did not start: a photo was answered 500")
