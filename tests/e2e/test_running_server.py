"""A server that leaves something behind is found out, whatever its test looked at."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path

import pytest
from running_server import MEMORY, RunningServer, pids_of_session, wait_until

pytestmark = pytest.mark.e2e

LEAVES_A_CHILD = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.closerange(0, 3)
    time.sleep(60)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
print("here", flush=True)
time.sleep(60)
"""


def test_process_that_outlives_its_server_fails_the_test_and_is_ended():
    running = RunningServer(["-c", LEAVES_A_CHILD], {})
    assert running.process.stdout.readline() == "here\n"
    assert running.stop()[0] == -signal.SIGTERM
    with pytest.raises(AssertionError, match="the server has stopped and left this"):
        running.end()
    wait_until(lambda: not list(pids_of_session(running.process.pid)))


def test_memory_that_outlives_its_server_fails_the_test_and_is_removed():
    parent, _, prefix = MEMORY.rpartition("/")
    running = RunningServer(["-c", "import time; time.sleep(60)"], {})
    folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
    running.memory = [folder]
    running.stop()
    with pytest.raises(AssertionError, match="the server has stopped and left this"):
        running.end()
    assert not folder.exists()
