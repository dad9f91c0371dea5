"""What is uploaded stays in memory: no disk sees it, and no log tells of it more than sizes and times."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import resource
import threading
import time

import numpy as np
import pytest
from PIL import Image
from running_server import PROC, STUB, RunningServer, pids_of_session, wait_until

pytestmark = pytest.mark.e2e

NAME = "secret-holiday"
KEY = "opsin_a-key-that-stands-where-it-should-not"
MARK = b"a mark that is nowhere else in this photo"
SPARE_BYTES = 256 * 1024  # of logs and metrics, where each upload has millions


def noise(image_format):
    """A photo of some megabytes, which compression cannot make smaller."""
    pixels = np.random.default_rng(0).integers(0, 256, (1000, 1200, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, image_format)
    return file.getvalue() + MARK


def form(photo, name):
    head = f'--XYZ\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'.encode()
    return head + photo + b"\r\n--XYZ--\r\n"


def slowly(photo, num_looks):
    """The pieces of a body, of which the last comes when the server's files have been looked at in between."""
    half = len(photo) // 2
    yield photo[:half]
    seen = num_looks()
    wait_until(lambda: num_looks() > seen + 2)
    yield photo[half:]


class Watch:
    """Looks again and again, until it is left, which files the server's processes have open for writing."""

    def __init__(self, running):
        self._pids = list(pids_of_session(running.process.pid))
        self._thread = threading.Thread(target=self._look)
        self._is_over = threading.Event()
        self.num_looks = 0
        self.written = set()

    def __enter__(self):
        self.before = self._open_for_writing()
        self.bytes_before = self._bytes_to_disk()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()
        self.num_bytes = self._bytes_to_disk() - self.bytes_before

    def _look(self):
        while not self._is_over.is_set():
            self.written |= self._open_for_writing() - self.before
            self.num_looks += 1
            time.sleep(0.002)

    def _open_for_writing(self):
        """Files of a file system, not sockets, pipes and devices: their paths."""
        found = set()
        for pid in self._pids:
            with contextlib.suppress(OSError):  # it has ended, or has closed it
                for link in (PROC / str(pid) / "fd").iterdir():
                    with contextlib.suppress(OSError):
                        flags = (PROC / str(pid) / "fdinfo" / link.name).read_text().split("flags:")[1].split()[0]
                        target = str(link.readlink())
                        is_file = target.startswith("/") and not target.startswith(("/dev/null", "/memfd:"))
                        if is_file and int(flags, 8) & (os.O_WRONLY | os.O_RDWR):
                            found.add(target)
        return found

    def _bytes_to_disk(self):
        total = 0
        for pid in self._pids:
            with contextlib.suppress(OSError):
                for line in (PROC / str(pid) / "io").read_text().splitlines():
                    if line.startswith("write_bytes:"):
                        total += int(line.split()[1])
        return total


def stamps(folders):
    """When something was last made or removed in each folder, be it for a moment."""
    return [folder.stat().st_mtime_ns for folder in folders]


@pytest.fixture
def core_files():
    """Let processes that crash leave core files, as many systems do."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    if before[1] == 0:
        pytest.skip("this system allows no core file in any case")
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


def test_process_that_crashes_leaves_no_picture_of_its_memory(core_files, start):
    running = start().wait_until_ready()
    for pid in pids_of_session(running.process.pid):
        (line,) = re.findall("Max core file size .*", (PROC / str(pid) / "limits").read_text())
        assert line.split()[4:6] == ["1", "1"]  # with which the kernel writes none, and starts no program for one
    assert running.stop()[0] == 0


def test_uploads_reach_no_disk_and_no_log(repository, tmp_path):
    folders = [tmp_path / name for name in ("tmp", "home", "cwd")]
    for folder in folders:
        folder.mkdir()
    in_folder = f"import os, runpy; os.chdir({str(folders[2])!r}); runpy.run_path({str(STUB)!r}, run_name='__main__')"
    environ = {"TMPDIR": str(folders[0]), "HOME": str(folders[1]), "OPSIN_LOG_LEVEL": "debug"}
    running = RunningServer(["-c", in_folder], {"OPSIN_REPOSITORY": str(repository), **environ})
    with contextlib.ExitStack() as ends:
        ends.callback(running.end)
        running.wait_until_ready()
        png, tiff = noise("PNG"), noise("TIFF")
        multipart = {"Content-Type": "multipart/form-data; boundary=XYZ"}
        uploads = [
            (form(png, f"{NAME}.png"), multipart, 200),
            (form(tiff, f"{NAME}.tiff"), multipart, 200),
            (form(png[: len(png) // 2], f"{NAME}.png"), multipart, 422),
            (json.dumps({"image": base64.b64encode(png).decode()}), {"Content-Type": "application/json"}, 200),
        ]
        running.request("POST", "/predict", form(png, "first.png"), multipart)  # what is made once is made now
        before = stamps(folders)
        with Watch(running) as watch:
            for body, headers, status in uploads:
                assert running.request("POST", "/predict", body, headers)[0] == status
            chunked = slowly(png, lambda: watch.num_looks)
            assert running.request("POST", "/predict", chunked, {"Content-Type": "image/png"})[0] == 200
        for head in (f"Authorization Bearer {KEY}", f"Host: {KEY}/", f"X-API-Key: {KEY}\x01"):
            with contextlib.closing(running.connect()) as connection:
                connection.sendall(f"GET /?{KEY} HTTP/1.1\r\n{head}\r\n\r\n".encode())
                assert connection.recv(12) == b"HTTP/1.1 400"
        kept = [file.read_bytes() for folder in running.memory if folder.is_dir() for file in folder.iterdir()]
        kept += [file.read_bytes() for file in running.memory if file.is_file()]
        _, output = running.stop()
    assert watch.written == set()
    assert watch.num_bytes < SPARE_BYTES
    assert stamps(folders) == before
    assert kept
    assert not any(MARK in content or NAME.encode() in content for content in kept)
    assert output.count("POST /predict 200") == 5
    assert NAME not in output
    assert output.count("the request is not valid HTTP: ") == 3
    assert KEY not in output
    assert MARK.decode() not in output
