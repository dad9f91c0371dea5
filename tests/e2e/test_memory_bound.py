"""All processes together take no more memory than the start says, and give it back."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time

import numpy as np
import pytest
from colours import head_of
from pictures import encode
from PIL import Image
from running_server import SOON_S, wait_until

from benchmarks.processes import family, num_threads, pss_bytes
from server.memory import PERIOD_S

pytestmark = pytest.mark.e2e

MEGABYTE = 1024**2
ATTACK_S = 4.0
LIMITS = {
    "OPSIN_WORKERS": "1",
    "OPSIN_MAX_UPLOAD_BYTES": str(8 * MEGABYTE),
    "OPSIN_MAX_UPLOADS_IN_HAND_BYTES": str(64 * MEGABYTE),
    "OPSIN_MAX_DECODE_BYTES": str(256 * MEGABYTE),
    "OPSIN_REQUEST_TIMEOUT_MS": "60000",  # so that all of it waits
}


def json_of(picture):
    body = json.dumps({"image": base64.b64encode(picture).decode()}).encode()
    return head_of(body).replace(b"\r\n\r\n", b"\r\nContent-Type: application/json\r\n\r\n") + body


def raw(picture):
    return head_of(picture) + picture


class Memory:
    """Watches how much memory a server's processes take."""

    def __init__(self, running):
        self.pid, self.most = running.process.pid, 0
        self.has_ended = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def now(self):
        return pss_bytes(family(self.pid))

    def num_threads(self):
        return sum(map(num_threads, family(self.pid)))

    def watch(self):
        while not self.has_ended.wait(0.02):
            self.most = max(self.most, self.now())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.has_ended.set()
        self.thread.join()


def test_memory_stays_below_what_the_start_says_and_comes_back(start):
    running = start(**LIMITS).wait_until_ready()
    noise = np.random.default_rng(0).integers(0, 256, (1400, 1400, 3), np.uint8)
    requests = [
        raw(encode(Image.new("I", (3000, 4000), 70_000), "TIFF", compression="tiff_adobe_deflate")),  # 100 MB
        raw(encode(Image.new("RGBA", (2000, 2000)), "PNG")),  # in the process for small images
        json_of(encode(Image.fromarray(noise), "PNG")),  # 8 MB
    ]
    for request in requests:  # so that all libraries are there
        with running.connect() as client:
            client.settimeout(2 * SOON_S)
            client.sendall(request)
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    memory = Memory(running)
    time.sleep(PERIOD_S)
    before, threads_before = memory.now(), memory.num_threads()
    with memory, contextlib.ExitStack() as clients:
        for request in (raw(bytes(8 * MEGABYTE))[:-MEGABYTE], *requests) * 6:  # the first never ends
            clients.enter_context(running.connect()).sendall(request)
        time.sleep(ATTACK_S)
    assert before + 150e6 < memory.most < running.max_memory_bytes
    wait_until(lambda: memory.now() <= 1.1 * before)
    wait_until(lambda: memory.num_threads() <= threads_before)
