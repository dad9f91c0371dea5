"""The counts of a server of several processes are what its clients saw, whatever dies meanwhile."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import threading
from pathlib import Path

import pytest
from colours import RED, head_of, publish_stub
from pictures import encode
from PIL import Image
from running_server import SOON_S, wait_until

from models.store.expected_answers import ExpectedAnswers

pytestmark = pytest.mark.e2e

PREDICT = {"route": "/predict", "method": "POST"}
STUB_MODEL = {"model": "colours", "version": "1"}
CPU = {"engine": "0", "device": "cpu"}


def kill(running, title):
    victims = running.children(title)
    os.kill(victims[0], signal.SIGKILL)
    wait_until(lambda: len(set(running.children(title)) - {victims[0]}) == len(victims))


class Watcher:
    """Scrapes until told to stop, and remembers every count that fell."""

    def __init__(self, running):
        self.fallen = []
        self.num_scrapes = 0
        self._running, self._is_over = running, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self._is_over.set()
        self._thread.join()

    def _watch(self):
        before = {}
        while not self._is_over.wait(0.02):
            try:
                now = self._running.scrape()
            except (OSError, http.client.HTTPException):
                continue  # its connection went with the worker
            falling = {key for key, value in before.items() if now.get(key, 0) < value}
            self.fallen += [key for key in falling if key[0].endswith(("_total", "_count", "_sum", "_bucket"))]
            self.num_scrapes += 1
            before = now


def ask(running, body, status):
    assert running.request("POST", "/predict", body)[0] == status


def test_counts_are_what_was_sent_and_never_fall(start):
    running = start().wait_until_ready()
    wait_until(lambda: len(running.children("opsin: http")) == 2)
    num_rounds = 3

    def num_run():
        return running.counted("opsin_batch_size_sum")

    def num_answered():
        routes = ("/predict", "other")
        return sum(running.counted("opsin_http_request_duration_seconds_count", route=route) for route in routes)

    with Watcher(running) as watcher:
        for number in range(num_rounds):
            for _ in range(10):
                ask(running, RED, 200)
                ask(running, b"hello", 415)
            assert running.request("GET", "/nothing")[0] == 404
            # Told after the answer, all of it.
            wait_until(lambda number=number: num_run() == 10 * (number + 1))
            wait_until(lambda number=number: num_answered() == 21 * (number + 1))
            if number == 0:
                kill(running, "opsin: engine cpu")
            if number == 1:
                kill(running, "opsin: http")
    assert watcher.fallen == []
    assert watcher.num_scrapes
    assert running.counted("opsin_http_requests_total", **PREDICT, status="200") == 10 * num_rounds
    assert running.counted("opsin_http_requests_total", **PREDICT, status="415") == 10 * num_rounds
    assert running.counted("opsin_http_requests_total", route="other", method="GET", status="404") == num_rounds
    assert running.counted("opsin_http_request_duration_seconds_count", route="/predict") == 20 * num_rounds
    assert running.counted("opsin_images_total", **STUB_MODEL, outcome="ok") == 10 * num_rounds
    assert running.counted("opsin_images_total", **STUB_MODEL, outcome="unsupported_image") == 10 * num_rounds
    assert running.counted("opsin_stage_duration_seconds_count", stage="decode") == 20 * num_rounds
    assert running.counted("opsin_stage_duration_seconds_count", stage="queue") == 10 * num_rounds
    for stage in ("read", "decode_queue", "encode"):
        at_least = 10 * num_rounds
        assert running.counted("opsin_stage_duration_seconds_count", stage=stage) >= at_least, stage
    assert running.counted("opsin_predictions_total", **STUB_MODEL, **{"class": "red"}) == 10 * num_rounds
    assert running.counted("opsin_confidence_count", **STUB_MODEL) == 10 * num_rounds
    assert running.counted("opsin_engine_restarts_total", **CPU) == 1
    assert running.counted("opsin_engine_up", **CPU) == 1
    assert running.counted("opsin_slots_in_use", **CPU) == 0
    assert running.counted("opsin_model_loaded", **STUB_MODEL, **CPU) == 1
    assert running.stop()[0] == 0


def test_refused_and_rude_clients_are_counted(start):
    limits = {"OPSIN_MAX_QUEUE": "1", "OPSIN_MAX_IMAGES": "1", "OPSIN_MAX_UPLOAD_BYTES": "1000"}
    running = start(OPSIN_WORKERS="1", STUB_SLEEP_S="3", **limits).wait_until_ready()
    with running.connect() as gone:
        gone.sendall(head_of(RED) + RED)
        wait_until(lambda: running.counted("opsin_slots_in_use", **CPU) == 1)
        assert running.request("POST", "/predict", RED)[0] == 503
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # its close is a reset
    wait_until(lambda: running.counted("opsin_http_requests_total", **PREDICT, status="499") == 1)
    wait_until(lambda: running.counted("opsin_slots_in_use", **CPU) == 0)
    assert running.request("POST", "/predict", bytes(1001))[0] == 413
    with running.connect() as rude:
        rude.sendall(b"NONSENSE\r\n\r\n")
        assert rude.recv(12) == b"HTTP/1.1 400"
    assert running.counted("opsin_http_requests_total", **PREDICT, status="503") == 1
    wait_until(lambda: running.counted("opsin_http_requests_total", **PREDICT, status="413") == 1)
    wait_until(lambda: running.counted("opsin_http_requests_total", route="other", method="other", status="400") == 1)
    assert running.counted("opsin_images_total", **STUB_MODEL, outcome="client_gone") == 1


def test_client_that_ends_its_sending_is_taken_to_have_gone(start):
    running = start(STUB_SLEEP_S="0.5").wait_until_ready()
    with running.connect() as connection:
        connection.sendall(head_of(RED) + RED)
        connection.shutdown(socket.SHUT_WR)
        wait_until(lambda: running.counted("opsin_http_requests_total", **PREDICT, status="499") == 1)
    assert running.counted("opsin_images_total", **STUB_MODEL, outcome="client_gone") == 1
    assert running.counted("opsin_images_total", **STUB_MODEL, outcome="ok") == 0


def test_drift_is_told_of_the_answers_of_all_workers_and_of_those_that_ended(start, tmp_path):
    as_many_of_each = ExpectedAnswers(classes=(50, 50, 50), confidence=(0,) * 11 + (150,))
    publish_stub(tmp_path, expected_answers=as_many_of_each)
    running = start(OPSIN_REPOSITORY=str(tmp_path / "models")).wait_until_ready()
    for number in range(100):
        ask(running, RED, 200)
        if number == 50:
            wait_until(lambda: running.counted("opsin_drift_images", **STUB_MODEL) == 51)
            kill(running, "opsin: http")
    wait_until(lambda: running.counted("opsin_drift_images", **STUB_MODEL) == 100)
    assert running.counted("opsin_drift_psi", **STUB_MODEL, of="classes") > 2
    assert running.counted("opsin_drift_psi", **STUB_MODEL, of="confidence") < 0.1
    assert running.counted("opsin_drift_psi_by_chance", **STUB_MODEL, of="classes") == pytest.approx(1 / 30)


def test_decoders_that_end_are_counted(start):
    running = start().wait_until_ready()
    assert running.counted("opsin_decoder_restarts_total") == 0
    ask(running, encode(Image.new("RGB", (66, 66)), "GIF"), 422)
    wait_until(lambda: running.counted("opsin_decoder_restarts_total") == 1)


def folder_of(running):
    wait_until(lambda: running.children("opsin: http"))
    maps = Path(f"/proc/{running.children('opsin: http')[0]}/maps")
    wait_until(lambda: "opsin-metrics-" in maps.read_text())
    (folder,) = set(re.findall(r"(/\S*/opsin-metrics-[^/]+)/", maps.read_text()))
    return Path(folder)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_behind(start, how):
    running = start().wait_until_ready()
    folder = folder_of(running)
    assert len(list(folder.iterdir())) == 6
    assert running.stop(how)[0] == 0
    assert not folder.exists()


def test_workers_whose_master_was_killed_leave_nothing_behind(start):
    running = start().wait_until_ready()
    folder = folder_of(running)
    os.kill(running.process.pid, signal.SIGKILL)
    wait_until(lambda: not folder.exists())


def test_folder_that_cannot_be_written_ends_the_start(start):
    running = start(STUB_MAX_FILE_BYTES="1000")
    output, errors = running.process.communicate(timeout=SOON_S)
    assert (running.process.returncode, output) == (2, "")
    assert re.fullmatch(r"opsin: the metrics need 768 KiB in /dev/shm or, .*: File too large\n", errors)
