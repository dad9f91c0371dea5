import os
import subprocess
import sys

import pytest

from benchmarks import processes

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

# A process with a child, which both say when they are there and wait for the end of their input.
CHILD = "print('here', flush=True); input()"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}, 'a child of tests'])"


@pytest.fixture
def parent():
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "here\n"
        yield process
        end(process)


def end(process):
    if not process.stdin.closed:
        process.stdin.write("\n")
        process.stdin.close()
        process.wait()


def test_family_is_found_by_name_and_has_memory_and_cpu_time(parent):
    family = processes.family(parent.pid)
    assert family[0] == parent.pid
    assert len(family) == 2
    assert processes.named(parent.pid, "a child of tests")[-1] == family[1]
    assert processes.pss_bytes(family) > processes.pss_bytes(family[:1]) > 1_000_000
    assert processes.cpu_s([os.getpid()]) > 0


def test_process_that_has_ended_takes_nothing(parent):
    gone = processes.family(parent.pid)
    end(parent)
    assert processes.pss_bytes(gone) == 0
    assert processes.cpu_s(gone) == 0
    assert processes.named(parent.pid, "python") == []
