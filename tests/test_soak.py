"""A soak finds faults: what it takes for wrong, for unexplained, for a leak, and what for none."""

from __future__ import annotations

import json
import math
import random
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from clock import Clock
from running_server import wait_until
from soak.clients import CUT, Client, Line, Tally
from soak.disturbances import is_stopped
from soak.exchanges import Exchange, Way
from soak.figures import figures_of, memory_figures
from soak.holdings import Holdings
from soak.journal import CUT_S, RESTART_S, Journal
from soak.judge import (
    ANSWERED,
    LATE,
    OVERLOADED,
    REFUSED,
    Interval,
    Refusal,
    Unexplained,
    Wrong,
    is_a_picture_or_bad,
    predictions_are,
    status_is,
)
from soak.plan import Plan
from soak.run import Soaked
from soak.slope import slope_of

from benchmarks.connection import Answer

NOW = Interval(100.0, 101.0)
BAD = Refusal(422, message="truncated")
HOLDINGS = Holdings(
    pss_bytes=200_000_000,
    processes=Counter({"opsin: http": 2}),
    threads=Counter({"opsin: http": 8}),
    descriptors=Counter({"opsin: http": 40}),
    files=Counter(),
    slots=Counter(),
)


class TwoPictures:
    """Versions 1 and 2 know two pictures; version 1 is not stable any more."""

    stable = 2

    def may_answer(self, model, version, began_at, ended_at):
        return (model, version) == ("cifar10", 2) and (began_at, ended_at) == (NOW.began_at, NOW.ended_at)

    def answer(self, model, version, picture):
        return ((f"{model}{version}", 0.75), (f"picture{picture}", 0.25))


def prediction(picture, version=2, name=None):
    top_k = [{"label": label, "probability": value} for label, value in TwoPictures().answer("cifar10", 2, picture)]
    return {"filename": name, "top_k": top_k}


def answer(*predictions, status=200, version=2, headers=None, **document):
    document = document or {"model": "cifar10", "version": version, "predictions": predictions}
    return Answer(status, headers or {}, json.dumps(document).encode())


def error(status, code, message="", headers=None):
    return answer(status=status, headers=headers, error={"code": code, "message": message})


def test_right_answers_and_due_refusals_are_no_faults():
    judge = predictions_are([0, BAD], TwoPictures(), names=["a", "b"])
    refused = {"filename": "b", "error": {"code": "corrupt_image", "message": "the image is truncated"}}
    assert judge(answer(prediction(0, name="a"), refused), NOW) == ANSWERED
    assert predictions_are([BAD], TwoPictures())(error(422, "corrupt_image", "it is truncated"), NOW) == REFUSED
    assert judge(error(503, "overloaded", headers={"retry-after": "2"}), NOW) == OVERLOADED
    assert judge(error(504, "deadline_exceeded"), NOW) == LATE
    assert status_is(400, code="malformed_http")(error(400, "malformed_http"), NOW) == REFUSED
    assert is_a_picture_or_bad(error(415, "unsupported_image"), NOW) == REFUSED


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ([0], answer(prediction(1))),
        ([0], answer(prediction(0), version=1)),
        ([0], answer(prediction(0), prediction(1))),
        ([0, 1], answer(prediction(1), prediction(0))),
        ([BAD, 0], answer(prediction(0), prediction(0))),
    ],
    ids=["another picture's", "an old version's", "one too many", "in another order", "to a bad picture"],
)
def test_wrong_answer_is_found(expected, got):
    with pytest.raises(Wrong):
        predictions_are(expected, TwoPictures())(got, NOW)


def test_answer_under_another_name_is_found():
    with pytest.raises(Wrong, match="other names"):
        predictions_are([0], TwoPictures(), names=["a"])(answer(prediction(0, name="b")), NOW)


@pytest.mark.parametrize(
    "got",
    [
        error(500, "internal_error"),
        error(503, "overloaded"),
        error(422, "corrupt_image", "it is truncated"),
        answer({"filename": None, "error": {"code": "engine_failed", "message": "it failed"}}),
        Answer(400, {}, b"not JSON"),
    ],
    ids=["500", "503 without Retry-After", "a good picture is refused", "the model failed", "no JSON"],
)
def test_error_that_nothing_explains_is_found(got):
    with pytest.raises(Unexplained):
        predictions_are([0], TwoPictures())(got, NOW)


def test_refusal_with_another_code_is_found():
    with pytest.raises(Unexplained):
        status_is(400, code="malformed_http")(error(400, "invalid_request"), NOW)


def test_cut_is_explained_by_a_kill_since_the_connection_was_heard_of_and_only_for_a_while():
    clock = Clock(10.0)
    journal = Journal(clock=clock)
    journal.note("kill engine")
    assert not journal.explains_cut(9.0, 10.5, 11.0)
    journal.note("kill http")
    assert journal.explains_cut(9.0, 9.5, 11.0)
    assert not journal.explains_cut(10.5, 10.6, 11.0)
    assert not journal.explains_cut(9.0, 9.5, 10.5 + CUT_S)
    assert journal.explains_cut(9.0, 30.0, 30.5)  # its client had not used it since
    assert not journal.explains_cut(9.0, 30.0, 30.5 + CUT_S)


def test_late_answer_is_explained_by_a_stop_alone():
    clock = Clock(10.0)
    journal = Journal(clock=clock)
    journal.note("kill engine")
    assert not journal.explains_late(9.0, 20.0)
    stop = journal.note("stop engine")
    assert journal.explains_late(9.0, 20.0)
    assert not journal.explains_late(8.0, 9.0)
    clock.now = 16.0
    journal.end(stop)
    assert journal.explains_late(16.0 + RESTART_S, 40.0)
    assert not journal.explains_late(16.5 + RESTART_S, 40.0)


@pytest.fixture
def port_that_hangs_up():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up():
            for _ in range(2):
                connection, _address = listener.accept()
                connection.recv(1000)
                connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


class Excused(Journal):
    def explains_cut(self, heard_at, sent_at, ended_at):
        return heard_at < ended_at and sent_at < ended_at


def test_connection_that_is_cut_is_a_fault_but_for_a_kill(port_that_hangs_up):
    tally = Tally()
    for journal in (Journal(), Excused()):
        client = Client(port_that_hangs_up, None, journal, tally, period_s=1.0, rng=random.Random(0))
        client.send(Exchange("a page", (b"GET / HTTP/1.1\r\n\r\n",), (status_is(200),), Way.NEW))
    assert tally.outcomes == {("a page", "unexplained"): 1, ("a page", CUT): 1}
    assert "closed after 0 bytes" in tally.unexplained[0]


def test_connection_is_known_to_have_stood_when_what_was_answered_was_sent():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = Line(listener.getsockname()[1])
        connection, _address = listener.accept()
        with connection:
            line.send(Exchange("a page", (b"x",), ()))
            sent_by = time.monotonic()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert line.answer().status == 200
            line.send(Exchange("a page", (b"x",), ()))
            assert line.heard_at <= sent_by
        line.close()


def test_process_counts_as_stopped_until_it_goes_on_or_has_ended():
    process = subprocess.Popen(["sleep", "60"])  # noqa: S607
    assert not is_stopped(process.pid)
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: is_stopped(process.pid))
    process.kill()
    process.wait()
    assert not is_stopped(process.pid)


def test_slope_of_a_leak_is_beyond_the_noise_and_that_of_noise_is_not():
    rng = np.random.default_rng(0)
    times = np.arange(450) / 30  # minutes
    noise = 200_000 + 2000 * rng.standard_normal(450) + 1000 * np.sin(times * 6)
    slope = slope_of(times, noise)
    assert abs(slope.value) < slope.noise
    leak = slope_of(times, noise + 300 * times)
    assert math.isclose(leak.value - slope.value, 300, rel_tol=0.01)
    assert leak.value > leak.noise
    assert slope_of(times[:50], noise[:50]) is None


def test_every_kind_of_leak_has_a_row_that_is_not_met():
    soaked = Soaked(Plan(seconds=900.0), before=HOLDINGS, after=HOLDINGS)
    soaked.times_s = [float(second) for second in range(900)]
    soaked.pss_bytes = [2e8 + 1000.0 * (second % 7) for second in range(900)]
    soaked.spared_bytes = [0.0] * 450 + soaked.pss_bytes[450:]
    assert [figure.what for figure in figures_of(soaked) if figure.is_met is False] == []
    one = Counter({"opsin: http": 1})
    for kind in ("processes", "threads", "descriptors", "files", "slots"):
        soaked.after = replace(HOLDINGS, **{kind: getattr(HOLDINGS, kind) + one})
        assert [figure.what for figure in figures_of(soaked) if figure.is_met is False] == [f"{kind} more than before"]
    soaked.after = replace(HOLDINGS, pss_bytes=230_000_000)
    soaked.left, soaked.log = ["process 7"], ["Traceback (most recent call last):"]
    soaked.tally.note_fault("one picture", Wrong("another's"))
    soaked.tally.note_fault("one picture", Unexplained("500"))
    assert [figure.what for figure in figures_of(soaked) if figure.is_met is False] == [
        "wrong answers",
        "unexplained errors",
        "memory after a rest over that before",
        "processes and segments left once it had stopped",
        "tracebacks in the log",
    ]
    leak = [2e8 + 5000.0 * second for second in range(900)]
    soaked.spared_bytes = [0.0] * 450 + leak[450:]
    assert [figure.is_met for figure in memory_figures(soaked)] == [True, False]
    soaked.pss_bytes = leak
    assert [figure.is_met for figure in memory_figures(soaked)] == [False, False]
