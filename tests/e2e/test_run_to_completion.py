"""Light models, which HTTP workers run by themselves: whatever becomes of the engine, or of a worker."""

from __future__ import annotations

import contextlib
import http.client
import json

import pytest
from colours import RED, label_of, picture, publish_stub
from pictures import encode
from PIL import Image
from running_server import ZOO, RunningServer, stopped, wait_until

pytestmark = pytest.mark.e2e

WAITS = {"OPSIN_ENGINE_TIMEOUT_MS": "600000", "OPSIN_LOG_LEVEL": "info"}  # no engine that is stopped is taken to hang


def engine_of(running):
    wait_until(lambda: running.children("opsin: engine cpu"))
    return running.children("opsin: engine cpu")[0]


def ask(running, body=RED, timeout_ms="300"):
    return running.request("POST", "/predict", body, {"X-Request-Timeout-Ms": timeout_ms})


def wait_until_light(running):
    """Ask until each worker has loaded the model, which the log says."""
    pids = {str(pid) for pid in running.children("opsin: http")}
    while pids:
        assert ask(running, timeout_ms="10000")[0] == 200
        line = running.process.stderr.readline()
        if "opsin.light: a run of model" in line:
            pids.discard(line.split()[2])


def test_answers_go_on_while_the_engine_stands_still(start):
    running = start(**WAITS).wait_until_ready()
    wait_until(lambda: len(running.children("opsin: http")) == 2)
    wait_until_light(running)
    with stopped(engine_of(running)):
        asked = [ask(running, timeout_ms="3000")[0] for _ in range(12)]
        assert asked[2:] == [200] * 10  # each worker may have one request before it knows that the next is brief, too
        assert ask(running, encode(Image.new("RGB", (2000, 2000), "red"), "PNG"))[0] == 504  # which is the engine's
    assert running.counted("opsin_images_total", model="colours", version="1", outcome="ok") >= 10
    assert running.counted("opsin_batch_size_count") >= 10


def test_engine_runs_everything_where_the_setting_says_so(start):
    running = start(OPSIN_RUN_TO_COMPLETION="0", **WAITS).wait_until_ready()
    assert label_of(ask(running, timeout_ms="10000")) == "red"
    with stopped(engine_of(running)):
        for _ in range(3):
            status, document = ask(running)
            assert (status, document["error"]["code"]) == (504, "deadline_exceeded")
    assert label_of(ask(running, timeout_ms="10000")) == "red"


def test_answers_are_the_engines_to_the_last_bit():
    bodies = [encode(Image.effect_noise((40 + size, 90), 80).convert("RGB"), "JPEG") for size in range(12)]
    answers = []
    for setting in ("1", "0"):
        environ = {"OPSIN_REPOSITORY": str(ZOO), "OPSIN_MODEL": "cifar10", "OPSIN_RUN_TO_COMPLETION": setting, **WAITS}
        running = RunningServer(["-m", "server"], environ)
        with contextlib.ExitStack() as ends:
            ends.callback(running.end)
            running.wait_until_ready()
            wait_until(lambda running=running: len(running.children("opsin: http")) == 2)
            if setting == "1":
                wait_until_light(running)
            asked = [running.request("POST", "/predict?top_k=10", body) for body in bodies]
        assert [status for status, _ in asked] == [200] * len(bodies)
        answers.append([document for _, document in asked])
    assert answers[0] == answers[1]
    assert answers[0][0]["model"] == "cifar10"


def test_new_version_takes_over_from_a_copy_and_goes_back(start, tmp_path):
    publish_stub(tmp_path)
    running = start(OPSIN_REPOSITORY=str(tmp_path / "models"), STUB_WRONG_VERSION="2").wait_until_ready()
    wait_until(lambda: len(running.children("opsin: http")) == 2)
    wait_until(lambda: [label_of(ask(running, timeout_ms="10000")) for _ in range(4)] == ["red"] * 4)
    publish_stub(tmp_path)
    wait_until(lambda: label_of(ask(running, timeout_ms="10000")) == "blue")
    assert [ask(running, timeout_ms="10000")[1]["version"] for _ in range(10)] == [2] * 10
    (tmp_path / "models" / "colours" / "routing.json").write_text(json.dumps({"stable": 1}))
    wait_until(lambda: ask(running, timeout_ms="10000")[1]["version"] == 1)
    assert [label_of(ask(running, timeout_ms="10000")) for _ in range(10)] == ["red"] * 10


def send_alone(running, body):
    """Ask on a connection that may be lost."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return ask(running, body, timeout_ms="10000")
    return None


@pytest.mark.parametrize("grey", [66, 67], ids=["crash", "hang"])
def test_version_that_has_ended_a_worker_is_run_by_none_any_more(start, grey):
    running = start(OPSIN_ENGINE_TIMEOUT_MS="1000", OPSIN_LOG_LEVEL="info").wait_until_ready()
    wait_until(lambda: len(running.children("opsin: http")) == 2)
    wait_until_light(running)
    workers, culprit = running.children("opsin: http"), picture((grey,) * 3)
    with stopped(workers[0]):  # so that the other one has it
        assert label_of(ask(running, timeout_ms="10000")) == "red"
        assert send_alone(running, culprit) is None
    wait_until(lambda: len(set(running.children("opsin: http")) - {workers[1]}) == 2)
    workers = running.children("opsin: http")
    for _ in range(2):
        status, document = ask(running, culprit, timeout_ms="60000")
        assert (status, document["error"]["code"]) == (500, "engine_failed")
    assert running.children("opsin: http") == workers
    assert label_of(ask(running, timeout_ms="10000")) == "red"


def test_hung_model_keeps_no_other_client_of_its_worker_waiting(start):
    running = start(**WAITS).wait_until_ready()
    wait_until(lambda: len(running.children("opsin: http")) == 2)
    wait_until_light(running)
    killed = running.children("opsin: http")[0]
    with stopped(killed), running.connect() as hung:
        assert label_of(ask(running)) == "red"
        hung.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(picture((67,) * 3)))
        hung.sendall(picture((67,) * 3))
        assert [label_of(ask(running, timeout_ms="10000")) for _ in range(10)] == ["red"] * 10
