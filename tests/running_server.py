"""A server in processes of its own, for tests: started, asked, watched and stopped as an operator would."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from waiting import SOON_S, wait_until

from benchmarks.processes import PROC, named

ROOT = Path(__file__).resolve().parent.parent
STUB = ROOT / "tests" / "e2e" / "stub_server.py"
ZOO = ROOT / "models" / "zoo"
STOP_S = 50.0  # less than the server waits for what it has accepted
GONE_S = 2.0  # a process that has closed its output may take a moment to end


UNVERIFIED = ssl._create_unverified_context()  # noqa: S323 - a test's certificate is its own
GRPC_LINE = re.compile(r"Opsin serves gRPC at (127\.0\.0\.1:\d+)\n")
MEMORY = "/dev/shm/opsin-"  # noqa: S108 - how the paths begin of what a server keeps in shared memory


@contextlib.contextmanager
def stopped(pid):
    """Keep a process from running."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class RunningServer:
    """A server process, its address, and what it said."""

    def __init__(self, command, environ):
        own = {name: value for name, value in os.environ.items() if not name.startswith(("OPSIN_", "STUB_", "OTEL_"))}
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={
                **own,
                "PYTHONPATH": str(ROOT),
                "OPSIN_PORT": "0",
                "OPSIN_WORKERS": "2",
                "OPSIN_RUNTIME": "litert",
                **environ,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.port = 0
        self.tls = None
        self.devices = ""
        self.max_memory_bytes = 0.0
        self.memory = []
        self.was_stopped = False
        self.has_grpc, self.grpc = "OPSIN_GRPC_PORT" in environ, ""

    def wait_until_ready(self):
        line = self._line()
        found = re.fullmatch(r"Opsin serves \S+ version \d+(?: and \d+ more)? at (https?)://127\.0\.0\.1:(\d+)\n", line)
        assert found, line + self.process.stderr.read()
        self.tls, self.port = UNVERIFIED if found[1] == "https" else None, int(found[2])
        self.devices = self._line()
        line = self._line()
        found = re.fullmatch(r"Opsin takes at most (\d+\.\d) GB of memory beside its models\n", line)
        self.max_memory_bytes = 1e9 * float(found[1])
        if self.has_grpc and not self.grpc:
            self.grpc = GRPC_LINE.fullmatch(self.process.stdout.readline())[1]
        wait_until(lambda: self.request("GET", "/readyz")[0] == 200, pause_s=0.02)
        self.memory = [path for path in open_files(self.process.pid) if str(path).startswith(MEMORY)]
        return self

    def _line(self):
        """The next line; that of gRPC, which may come between any two, is kept."""
        line = self.process.stdout.readline()
        if found := GRPC_LINE.fullmatch(line):
            self.grpc = found[1]
            return self._line()
        return line

    def request(self, method, path, body=None, headers=None, timeout=SOON_S):
        if self.tls:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.tls)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def scrape(self):
        """The samples of GET /metrics, by name and labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=SOON_S) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        samples = [sample for family in families for sample in family.samples]
        return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}

    def counted(self, name, **labels):
        return self.scrape().get((name, frozenset(labels.items())), 0)

    def num_in_hand(self):
        """How many images the engines have been given and have not answered."""
        return sum(value for (name, _), value in self.scrape().items() if name == "opsin_slots_in_use")

    def children(self, title):
        """The pids of the server's processes of that name, as `ps` shows it."""
        return [pid for pid in named(self.process.pid, title) if pid != self.process.pid]

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=SOON_S)
        return self.tls.wrap_socket(connection) if self.tls else connection

    def stop(self, how=signal.SIGTERM):
        """Stop the whole process group, as a terminal does; returns exit status and output."""
        os.killpg(self.process.pid, how)
        output = self.process.communicate(timeout=STOP_S)
        self.was_stopped = True
        return self.process.returncode, "".join(output)

    def left_over(self):
        """Return the pids of its processes that still run, and the folders in shared memory that are still there."""
        give_up_at = time.monotonic() + GONE_S
        while left := [*pids_of_session(self.process.pid), *filter(Path.exists, self.memory)]:
            if time.monotonic() > give_up_at:
                break
            time.sleep(0.02)
        return left

    def end(self):
        """Kill what still runs, of which there must be nothing where `stop` has been called."""
        left_over = self.left_over() if self.was_stopped else []
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        for folder in self.memory:
            shutil.rmtree(folder, ignore_errors=True)
        assert left_over == [], "the server has stopped and left this"


def open_files(pid):
    """The paths that a process has open."""
    for link in (PROC / str(pid) / "fd").iterdir():
        with contextlib.suppress(OSError):  # it has been closed
            yield link.readlink()


def pids_of_session(leader):
    """The processes whose session began with `leader`, except those that have ended."""
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state not in "ZX":
                yield int(folder.name)
