import socket

import pytest

from training.distributed import waiting
from training.distributed.cluster import Cluster
from training.distributed.waiting import answers, waiting_for


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def silent():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def test_somebody_listens_or_not(listening, silent):
    assert answers(listening)
    assert not answers(silent)
    assert not answers("no-such-host.invalid:1")


def test_who_does_not_come_is_named_and_the_process_ends(monkeypatch, listening, silent):
    said, left = [], []
    monkeypatch.setattr(waiting, "SAY_EVERY_S", 0.0)
    monkeypatch.setattr(waiting, "LOOK_EVERY_S", 0.01)
    cluster = Cluster(("10.255.0.1:2222", listening, silent), 0)
    with waiting_for(cluster, limit_s=0.2, say=said.append, leave=left.append):
        while not left:
            pass
    assert left == [1]
    assert said[0].startswith(f"waiting for worker 2 ({silent}), for ")
    assert said[-1] == (f"waited 0.2 s for worker 2 ({silent}): start every worker with the same command and TF_CONFIG")


def test_nothing_is_said_where_all_come_in_time(listening):
    said, left = [], []
    with waiting_for(Cluster((listening, listening), 0), say=said.append, leave=left.append):
        pass
    assert (said, left) == ([], [])
