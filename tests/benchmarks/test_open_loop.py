import threading
import time
from collections import Counter

from benchmarks.open_loop import NO_ANSWER, OpenLoop
from benchmarks.workload import photo_request


def run(server, bodies, *, rate, seconds, patience_s=10.0):
    return OpenLoop(server.port, [photo_request(body) for body in bodies]).run(
        rate=rate, seconds=seconds, patience_s=patience_s
    )


def test_every_request_that_was_due_has_an_outcome(toy_server):
    answers = {
        b"good": (200, {}, b"x" * 100_000),
        b"full": (503, {"Retry-After": "3"}, b""),
        b"rude": (503, {}, b""),
        b"last": (200, {"Connection": "close"}, b""),
        b"gone": (0, {}, b""),
    }
    outcomes = run(toy_server(lambda body: answers[body]), list(answers), rate=200, seconds=0.5)
    assert Counter((outcome.status, outcome.has_retry_after) for outcome in outcomes) == {
        (200, False): 40,
        (503, True): 20,
        (503, False): 20,
        (NO_ANSWER, False): 20,
    }
    assert sorted(round(outcome.due_s * 200) for outcome in outcomes) == list(range(100))


def test_arrivals_do_not_wait_for_earlier_answers(toy_server):
    all_are_here = threading.Barrier(20)

    def answer(_):
        all_are_here.wait(10)  # breaks, and hangs up, unless all requests come while none is answered
        return 200, {}, b""

    outcomes = run(toy_server(answer), [b"x"], rate=200, seconds=0.1)
    assert [outcome.status for outcome in outcomes] == [200] * 20


def test_connections_are_used_again(toy_server):
    server = toy_server(lambda body: (200, {}, body))
    outcomes = run(server, [b"large" * 20_000], rate=50, seconds=1)
    assert {outcome.status for outcome in outcomes} == {200}
    assert server.num_connections < len(outcomes)


def test_each_client_keeps_a_connection_and_has_its_turn(toy_server):
    server = toy_server(lambda body: (200, {}, body))
    load = OpenLoop(server.port, [photo_request(b"x")], num_clients=5)
    outcomes = load.run(rate=50, seconds=1, patience_s=10)
    assert {outcome.status for outcome in outcomes} == {200}
    assert server.num_connections >= 5


def test_connection_that_was_closed_while_it_was_idle_is_not_used_again(toy_server):
    server = toy_server(lambda body: (200, {}, body))
    server.RequestHandlerClass = type("Closing", (server.RequestHandlerClass,), {"timeout": 0.05})
    outcomes = run(server, [b"x"], rate=4, seconds=1.5)
    assert [(outcome.status, outcome.how) for outcome in outcomes] == [(200, "")] * 6
    assert server.num_connections == 6


def test_what_became_of_a_request_without_an_answer_is_told(toy_server):
    server = toy_server(lambda body: (200 if body == b"good" else 0, {}, b""))
    outcomes = run(server, [b"good", b"bad"], rate=10, seconds=0.4)
    assert [(outcome.how, outcome.num_before) for outcome in outcomes] == [("", 0), ("closed", 1)] * 2


def test_what_is_not_answered_in_time_is_no_answer(toy_server):
    release = threading.Event()

    def answer(_):
        release.wait(10)
        return 200, {}, b""

    outcomes = run(toy_server(answer), [b"x"], rate=50, seconds=0.1, patience_s=0.1)
    release.set()
    assert [outcome.status for outcome in outcomes] == [NO_ANSWER] * 5


def test_server_that_is_not_there_gives_no_answers(toy_server):
    server = toy_server(lambda _: (200, {}, b""))
    server.shutdown()
    server.server_close()
    assert {outcome.status for outcome in run(server, [b"x"], rate=50, seconds=0.1)} == {NO_ANSWER}


def test_run_that_is_ended_sends_nothing_more_and_waits_for_its_answers(toy_server):
    server = toy_server(lambda _: (200, {}, b""))
    load = OpenLoop(server.port, [photo_request(b"x")])
    client = threading.Thread(target=load.run, kwargs={"rate": 100, "seconds": 300, "patience_s": 10})
    client.start()
    while not load.outcomes:
        time.sleep(0.01)
    load.end()
    client.join(10)
    assert not client.is_alive()
    assert {outcome.status for outcome in load.outcomes} == {200}
