"""Engines, workers and versions that die or change under load: no client ever sees it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import threading

import pytest
from colours import COLOURS, RED, label_of, picture, publish_stub
from running_server import SOON_S, stopped, wait_until

pytestmark = pytest.mark.e2e


class Clients:
    """Connections that ask for pictures of known colours, one after the other, and keep all answers."""

    def __init__(self, running, number):
        self._running = running
        self._is_over = threading.Event()
        self.wrong = []
        self.num_right = 0
        self.versions = set()
        self._threads = [threading.Thread(target=self._ask, args=(index,)) for index in range(number)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception):
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, number=50):
        goal = self.num_right + number
        wait_until(lambda: self.num_right >= goal)

    def _ask(self, index):
        label, colour = list(COLOURS.items())[index % 3]
        body = picture(colour)
        connection = http.client.HTTPConnection("127.0.0.1", self._running.port, timeout=SOON_S)
        with contextlib.closing(connection):
            while not self._is_over.is_set():
                try:
                    connection.request("POST", "/predict", body)
                    response = connection.getresponse()
                    document = json.loads(response.read())
                    if response.status == 200 and document["predictions"][0]["label"] == label:
                        self.num_right += 1
                        self.versions.add(document["version"])
                    else:
                        self.wrong.append((response.status, document))
                except ConnectionRefusedError:
                    return  # the server has gone
                except (OSError, http.client.HTTPException) as error:
                    self.wrong.append(error)
                    connection.close()  # the next request opens another


def engine_of(running):
    wait_until(lambda: running.children("opsin: engine cpu"))
    return running.children("opsin: engine cpu")[0]


def test_processes_carry_names(start):
    running = start().wait_until_ready()
    wait_until(lambda: len(running.children("opsin: http")) == 2)
    assert len(running.children("opsin: engine cpu")) == 1


def test_killed_engine_is_a_slow_answer_at_most(start):
    running = start(STUB_SLEEP_S="0.005", OPSIN_RUN_TO_COMPLETION="0").wait_until_ready()
    with Clients(running, 6) as clients:
        for _ in range(5):
            clients.wait_for_more()
            os.kill(engine_of(running), signal.SIGKILL)
        clients.wait_for_more()
    assert clients.wrong == []


def test_hung_engine_is_replaced_and_its_work_is_done(start):
    running = start(OPSIN_ENGINE_TIMEOUT_MS="500", OPSIN_RUN_TO_COMPLETION="0").wait_until_ready()
    with Clients(running, 3) as clients:
        clients.wait_for_more()
        engine = engine_of(running)
        os.kill(engine, signal.SIGSTOP)
        wait_until(lambda: engine not in running.children("opsin: engine cpu"))
        clients.wait_for_more()
    assert clients.wrong == []


def test_picture_that_crashes_native_code_fails_alone(start):
    running = start(STUB_SLEEP_S="0.002", OPSIN_RUN_TO_COMPLETION="0").wait_until_ready()
    with Clients(running, 3) as clients:
        clients.wait_for_more()
        status, document = running.request("POST", "/predict", picture((66, 66, 66)))
        clients.wait_for_more()
    assert (status, document["error"]["code"]) == (500, "engine_failed")
    assert clients.wrong == []


def test_killed_worker_takes_its_own_connections_alone(start):
    running = start().wait_until_ready()
    wait_until(lambda: len(running.children("opsin: http")) == 2)
    killed, other = running.children("opsin: http")
    with contextlib.ExitStack() as clients:
        with stopped(killed):
            spared = clients.enter_context(Clients(running, 4))
            spared.wait_for_more()
        with stopped(other):
            cut = clients.enter_context(Clients(running, 4))
            cut.wait_for_more()
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: len(set(running.children("opsin: http")) - {killed}) == 2)
        cut.wait_for_more()
        spared.wait_for_more()
    assert spared.wrong == []
    assert len(cut.wrong) == 4  # once each
    assert all(isinstance(wrong, OSError | http.client.HTTPException) for wrong in cut.wrong)
    assert label_of(running.request("POST", "/predict", RED)) == "red"


def test_version_that_is_published_takes_over_without_a_gap(start, tmp_path):
    publish_stub(tmp_path)
    running = start(OPSIN_REPOSITORY=str(tmp_path / "models")).wait_until_ready()
    with Clients(running, 6) as clients:
        for _ in range(3):
            clients.wait_for_more()
            version = publish_stub(tmp_path).manifest.version
            wait_until(lambda version=version: version in clients.versions)
        (tmp_path / "models" / "colours" / str(version + 1)).mkdir()  # half a version is none
        clients.wait_for_more()
    assert clients.wrong == []
    assert clients.versions == {1, 2, 3, 4}


def test_model_that_is_added_answers_only_those_who_name_it(start, tmp_path):
    publish_stub(tmp_path)
    running = start(OPSIN_REPOSITORY=str(tmp_path / "models")).wait_until_ready()
    publish_stub(tmp_path, "birds")
    wait_until(lambda: len(running.request("GET", "/readyz")[1]["models"]) == 2)
    for _ in range(2):
        assert running.request("POST", "/predict", RED)[1]["model"] == "colours"
        assert running.request("POST", "/predict?model=birds", RED)[1]["model"] == "birds"
        os.kill(engine_of(running), signal.SIGKILL)


def test_version_that_is_broken_is_named_and_the_old_one_serves(start, tmp_path):
    publish_stub(tmp_path)
    running = start(OPSIN_REPOSITORY=str(tmp_path / "models")).wait_until_ready()
    (publish_stub(tmp_path).path / "model.tflite").write_bytes(b"changed")
    wait_until(lambda: running.request("GET", "/readyz")[1]["refused"])
    status, document = running.request("GET", "/readyz")
    assert (status, document["version"]) == (200, 1)
    assert "sha256 differs" in document["refused"][0]["reason"]
    assert str(tmp_path) not in json.dumps(document)
    assert label_of(running.request("POST", "/predict", RED)) == "red"


def test_version_whose_loading_kills_the_engine_is_named_and_the_old_one_serves(start, tmp_path):
    publish_stub(tmp_path)
    running = start(OPSIN_REPOSITORY=str(tmp_path / "models"), STUB_FATAL_VERSION="2").wait_until_ready()
    with Clients(running, 3) as clients:
        clients.wait_for_more()
        publish_stub(tmp_path)
        wait_until(lambda: running.request("GET", "/readyz")[1].get("refused"))
        clients.wait_for_more()
    status, document = running.request("GET", "/readyz")
    assert (status, document["version"]) == (200, 1)
    assert document["refused"][0]["reason"].endswith("cannot be served: loading it ended the engine")
    assert clients.wrong == []
    assert clients.versions == {1}


def test_engine_ends_with_its_supervisor(start):
    running = start().wait_until_ready()
    engine = engine_of(running)
    os.kill(running.process.pid, signal.SIGKILL)
    running.process.wait(SOON_S)
    wait_until(lambda: not _is_alive(engine))


def _is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - may vanish between two calls
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
