"""The start of the real server, starts that fail, signals, and workers that die."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from colours import FORM_RED, FORM_TYPE, RED, head_of, label_of, read_answer
from running_server import ROOT, SOON_S, STOP_S, ZOO, RunningServer, open_files, wait_until

from benchmarks.processes import named

pytestmark = pytest.mark.e2e

LISTENING = "0A"  # in /proc/net/tcp


def test_devices_and_why_are_told_at_the_start_and_on_readyz(start):
    running = start(OPSIN_DEVICE="cpu").wait_until_ready()
    _, document = running.request("GET", "/readyz")
    assert (document["devices"], document["devices_reason"]) == (["cpu"], "OPSIN_DEVICE is cpu")
    assert running.devices == "Opsin runs on cpu, because OPSIN_DEVICE is cpu\n"


@pytest.mark.parametrize(("max_files", "workers"), [("256", ""), ("1024", "4")])
def test_few_open_files_make_fewer_slots_and_connections_and_one_line(start, max_files, workers):
    running = start(STUB_MAX_FILES=max_files, OPSIN_WORKERS=workers).wait_until_ready()
    with contextlib.ExitStack() as stack:
        for _ in range(int(max_files)):
            stack.enter_context(running.connect())
        for _ in range(20):
            assert label_of(running.request("POST", "/predict", RED)) == "red"
    status, output = running.stop()
    assert status == 0
    assert output.startswith(f"opsin: this system allows a process {max_files} open files (ulimit -n)")
    assert output.count("\n") == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_cleanly_and_the_request_in_hand_is_answered(start, how):
    running = start(STUB_SLEEP_S="0.5").wait_until_ready()
    with running.connect(), running.connect() as idle:  # one silent, one kept alive
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(idle)[0] == 200
        answers = []
        asking = threading.Thread(target=lambda: answers.append(running.request("POST", "/predict", RED)))
        asking.start()
        wait_until(running.num_in_hand)
        stopped = running.stop(how)
        asking.join()
    assert label_of(answers[0]) == "red"
    assert stopped == (0, "")


def test_client_that_keeps_a_connection_is_answered_once_more_while_it_stops_and_told_so(start):
    running = start().wait_until_ready()
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)) as kept:

        def ask():
            kept.request("GET", "/healthz")
            answer = kept.getresponse()
            return answer.status, json.loads(answer.read()), answer.headers["connection"]

        assert ask() == (200, {"status": "ok"}, "keep-alive")
        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses_connections(running))
        time.sleep(1)
        assert ask() == (200, {"status": "ok"}, "close")
    assert running.stop() == (0, "")


@pytest.mark.parametrize("send", [os.killpg, os.kill], ids=["to all processes", "to the master"])
def test_stop_under_load_gives_no_other_answer_than_200_and_503(start, send):
    running = start(STUB_SLEEP_S="0.01").wait_until_ready()
    statuses, losses = [], []

    def ask_until_refused():
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        while True:
            if connection.sock is None:
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    return
            try:
                connection.request("POST", "/predict", RED)
                response = connection.getresponse()
                response.read()
                statuses.append(response.status)
            except (OSError, http.client.HTTPException) as error:
                losses.append(error)
                connection.close()

    asking = [threading.Thread(target=ask_until_refused) for _ in range(16)]
    for thread in asking:
        thread.start()
    wait_until(lambda: statuses.count(200) > 50)
    send(running.process.pid, signal.SIGTERM)
    output, errors = running.process.communicate(timeout=STOP_S)
    for thread in asking:
        thread.join()
    assert (running.process.returncode, output + errors, losses) == (0, "", [])
    assert set(statuses) <= {200, 503}


def test_second_ctrl_c_does_not_wait(start):
    running = start(
        STUB_SLEEP_S="60", OPSIN_REQUEST_TIMEOUT_MS="60000", OPSIN_ENGINE_TIMEOUT_MS="60000"
    ).wait_until_ready()
    with running.connect() as connection:
        connection.sendall(head_of(RED) + RED)
        wait_until(running.num_in_hand)
        os.killpg(running.process.pid, signal.SIGINT)
        wait_until(lambda: refuses_connections(running))
        status, output = running.stop(signal.SIGINT)  # which waits less than the server would
    assert status == 0
    assert "Traceback" not in output


def refuses_connections(running):
    """Whether it has let go of its port; what was connected before is not affected."""
    try:
        running.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def socket_of_port(port):
    """The link that a process has in /proc where it listens there."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (inode,) = (row[9] for row in rows if row[3] == LISTENING and row[1].endswith(f":{port:04X}"))
    return f"socket:[{inode}]"


@pytest.mark.parametrize(("title", "number"), [("opsin: engine cpu", 1), ("opsin: decoder", 4)])
def test_process_that_was_started_anew_has_no_port_and_no_file_of_a_worker(start, title, number):
    running = start().wait_until_ready()
    wait_until(lambda: len(running.children("opsin: http")) == 2)
    wait_until(lambda: len(running.children(title)) == number)  # which do not start all at once
    before, others = set(running.children(title)), set()
    os.kill(min(before), signal.SIGKILL)

    def is_replaced():
        others.update(set(running.children(title)) - before)
        return others

    wait_until(is_replaced)
    (anew,) = others
    port = socket_of_port(running.port)
    assert port in {str(path) for path in open_files(running.process.pid)}
    wait_until(lambda: port not in {str(path) for path in open_files(anew)})
    assert not [path for path in open_files(anew) if path.name.startswith("wgunicorn")]


def test_ctrl_c_during_the_imports_ends_it_without_a_word(tmp_path):
    (tmp_path / "setproctitle.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    running = RunningServer(["-m", "server"], {"PYTHONPATH": f"{tmp_path}:{ROOT}"})
    try:
        assert running.process.stdout.readline() == "importing\n"
        assert running.stop(signal.SIGINT) == (-signal.SIGINT, "")
    finally:
        running.end()


def test_ctrl_c_while_the_first_engine_and_workers_start_ends_it_cleanly(start):
    running = start()
    wait_until(lambda: named(running.process.pid, "opsin: master"))
    status, output = running.stop(signal.SIGINT)
    assert (status, "Traceback" in output) == (0, False)


def test_signal_while_other_workers_still_start_ends_it_cleanly(start):
    running = start(OPSIN_WORKERS="4")
    assert running.process.stdout.readline().startswith("Opsin serves")
    assert running.process.stdout.readline().startswith("Opsin runs on ")
    assert running.process.stdout.readline().startswith("Opsin takes at most ")
    assert running.stop() == (0, "")


def test_hangup_signal_has_no_effect(start):
    running = start().wait_until_ready()
    wait_until(lambda: len(running.children("opsin: http")) == 2)
    workers = running.children("opsin: http")
    os.killpg(running.process.pid, signal.SIGHUP)  # as a terminal does that is closed
    assert label_of(running.request("POST", "/predict", RED)) == "red"
    assert running.children("opsin: http") == workers
    status, output = running.stop()
    assert status == 0
    assert "SIGHUP has no effect" in output


def test_killed_worker_is_replaced(start):
    running = start(OPSIN_WORKERS="1").wait_until_ready()
    (worker,) = running.children("opsin: http")
    os.kill(worker, signal.SIGKILL)
    assert label_of(running.request("POST", "/predict", RED)) == "red"
    assert running.stop()[0] == 0


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("load", "opsin: model 'colours' version 1 cannot be served: the stub cannot be loaded"),
        ("crash", "opsin: the engine could not start (SIGKILL)"),
    ],
)
def test_model_that_cannot_be_loaded_ends_the_start(start, how, message):
    running = start(STUB_FAIL=how)
    output, errors = running.process.communicate(timeout=SOON_S)
    assert running.process.returncode not in (0, None)
    assert message in errors
    assert "Traceback" not in errors
    assert output == ""


@pytest.mark.skipif(not any(ZOO.glob("*/*/manifest.json")), reason="no model is shipped in models/zoo yet")
def test_shipped_model_answers_over_http():
    running = RunningServer(["-m", "server"], {})
    try:
        running.wait_until_ready()
        status, document = running.request("POST", "/predict", FORM_RED, FORM_TYPE)
        assert status == 200
        (prediction,) = document["predictions"]
        assert prediction["filename"] == "red.png"
        assert prediction["top_k"][0] == {"label": prediction["label"], "probability": prediction["probability"]}
        with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/") as page:
            assert document["model"] in page.read().decode()
        status, output = running.stop(signal.SIGINT)
        assert (status, "Traceback" in output) == (0, False)
    finally:
        running.end()
