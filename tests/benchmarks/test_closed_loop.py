import pytest

from benchmarks.closed_loop import run_closed_loop
from benchmarks.workload import photo_request


@pytest.mark.e2e
def test_every_connection_asks_in_turn_and_statuses_are_counted(toy_server):
    seen = set()

    def answer(body):
        seen.add(body)
        return (503 if body == b"two" else 200), {}, b"x"

    port = toy_server(answer).port
    requests = [photo_request(body) for body in (b"one", b"two", b"three")]
    load = run_closed_loop(port, requests, connections=3, seconds=1.0, warm_up_s=0.0, processes=2)
    assert seen == {b"one", b"two", b"three"}
    assert set(load.statuses) == {"200", "503"}
    assert load.rate > 0
    assert load.p50_ms <= load.p99_ms <= load.max_ms
    assert load.errors == {}


@pytest.mark.e2e
def test_connections_that_break_are_faults(toy_server):
    port = toy_server(lambda body: (0 if body == b"two" else 200, {}, b"x")).port
    requests = [photo_request(body) for body in (b"one", b"two")]
    load = run_closed_loop(port, requests, connections=1, seconds=0.5, warm_up_s=0.0)
    assert load.errors["broken"] > 0
    assert load.faults == load.errors["broken"]


@pytest.mark.e2e
def test_server_that_never_answers_is_an_error(toy_server):
    port = toy_server(lambda _: (0, {}, b"")).port
    with pytest.raises(ValueError, match="the server answered nothing"):
        run_closed_loop(port, [photo_request(b"one")], connections=1, seconds=0.2, warm_up_s=0.0)
