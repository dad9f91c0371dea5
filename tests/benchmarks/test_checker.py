import json
from pathlib import Path

import pytest
from waiting import wait_until

from benchmarks.checker import Clients, difference
from benchmarks.connection import Answer
from benchmarks.workload import Workload

EXPECTED = {1: [(("cat", 0.7), ("dog", 0.3)), (("dog", 0.6), ("cat", 0.4))], 2: [(("cat", 0.5), ("dog", 0.5))] * 2}
PHOTOS = (b"photo 0", b"photo 1")


def document(top_k, version=1):
    ranked = [{"label": label, "probability": probability} for label, probability in top_k]
    return json.dumps({"version": version, "predictions": [{"top_k": ranked}]}).encode()


def found(top_k, *, version=1, photo=0):
    return difference(Answer(200, {}, document(top_k, version)), EXPECTED, photo)


def test_runtimes_own_answer_has_no_difference():
    assert found([("cat", 0.7), ("dog", 0.3)]) is None
    assert found([("cat", 0.7 * (1 + 1e-7)), ("dog", 0.3)]) is None
    assert found([("cat", 0.5), ("dog", 0.5)], version=2) is None


@pytest.mark.parametrize(
    ("top_k", "version", "reason"),
    [
        ([("dog", 0.6), ("cat", 0.4)], 1, "photo 0 got the answer of photo 1"),
        ([("cat", 0.70001), ("dog", 0.3)], 1, "photo 0: got"),
        ([("cat", 0.7)], 1, "photo 0: got"),
        ([("cat", 0.7), ("dog", 0.3)], 2, "photo 0: got"),
        ([("cat", 0.7), ("dog", 0.3)], 3, "photo 0 was answered by version 3"),
    ],
)
def test_any_other_answer_is_a_difference(top_k, version, reason):
    assert found(top_k, version=version).startswith(reason)


def tally_of(server, *, until):
    workload = Workload("toy", Path(), None, PHOTOS)
    with Clients(server.port, workload, EXPECTED, count=2) as clients:
        wait_until(lambda: until(clients.tally))
    return clients.tally


def test_clients_count_answers_and_find_none_mixed_up(toy_server):
    server = toy_server(lambda body: (200, {}, document(EXPECTED[1][PHOTOS.index(body)])))
    tally = tally_of(server, until=lambda tally: tally.num_200 >= 20)
    assert tally.others() == 0
    assert tally.mismatches == []
    assert set(tally.versions) == {1}
    assert server.num_connections == 2


def test_mixed_up_answers_are_found(toy_server):
    server = toy_server(lambda body: (200, {}, document(EXPECTED[1][1 - PHOTOS.index(body)])))
    tally = tally_of(server, until=lambda tally: tally.num_200 >= 4)
    assert len(tally.mismatches) == tally.num_200


def test_refusals_and_lost_connections_are_outcomes(toy_server):
    rude = [(503, {"Retry-After": "1"}, b"{}"), (503, {}, b"{}"), (0, {}, b"")] * 40

    def answer(_):
        return rude.pop() if rude else (503, {"Retry-After": "1"}, b"{}")

    tally = tally_of(toy_server(answer), until=lambda _: not rude)
    lost = [outcome for outcome in tally.outcomes if outcome.startswith("no answer on a ")]
    assert sum(tally.outcomes[outcome] for outcome in lost) == 40
    assert tally.outcomes["503 without Retry-After"] == 40
    assert tally.others("503") == 80
