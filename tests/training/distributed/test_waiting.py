import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from training.distributed.cluster import Cluster
from training.distributed.waiting import answers, require_free_port, waiting_for

REPO = Path(__file__).resolve().parents[3]
AS_FIRST = ("unshare", "--pid", "--fork", "--mount-proc")
# As TensorFlow does while it connects, this sleeps with Python's lock held.
WAITS = """
import ctypes, sys
from training.distributed.cluster import Cluster
from training.distributed.waiting import waiting_for
with waiting_for(Cluster(tuple(sys.argv[3:]), 0), limit_s=float(sys.argv[1]), say_every_s=float(sys.argv[2])):
    print("waits", flush=True)
    ctypes.PyDLL(None).sleep(100)
"""


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def silent():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def waits(*arguments, before=()):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*before, sys.executable, "-c", WAITS, *map(str, arguments)], cwd=REPO, **pipes)


def test_somebody_listens_or_not(listening, silent):
    assert answers(listening)
    assert not answers(silent)
    assert not answers("no-such-host.invalid:1")


def test_port_that_something_listens_on_is_refused(listening, silent):
    require_free_port(Cluster((listening, silent), 1))
    port = listening.rpartition(":")[2]
    with pytest.raises(
        OSError, match=f"worker 0 cannot listen on port {port}, which TF_CONFIG gives it: Address already in use; "
    ):
        require_free_port(Cluster((listening, silent), 0))


def test_who_does_not_come_is_named_and_the_process_ends_though_nothing_of_python_runs(listening, silent):
    process = waits(1, 0, listening, listening, silent)
    _, told = process.communicate(timeout=90)
    assert process.returncode == 1
    said = told.splitlines()
    assert said[-1] == f"waited 1 s for worker 2 ({silent}): start every worker with the same command and TF_CONFIG"
    process = waits(1000, 0, listening, silent)
    assert process.stderr.readline().startswith(f"waiting for worker 1 ({silent}), for 99")
    process.terminate()
    process.communicate(timeout=90)


@pytest.mark.skipif(subprocess.run([*AS_FIRST, "true"], check=False).returncode != 0, reason="needs namespaces")
def test_first_process_of_a_container_ends_too(listening, silent):
    process = waits(1, 0, listening, silent, before=AS_FIRST)
    _, told = process.communicate(timeout=90)
    assert process.returncode == 1
    assert told.splitlines()[-1].startswith(f"waited 1 s for worker 1 ({silent}): ")


def test_a_signal_ends_a_process_that_waits(silent):
    with waits(1000, 1000, silent, silent) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(90) == -signal.SIGINT


def test_nothing_is_said_and_nothing_is_left_where_all_come_in_time(listening, capfd):
    def is_handled(*_):
        pass

    before = {number: signal.signal(number, is_handled) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with waiting_for(Cluster((listening, listening), 0)):
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert [signal.getsignal(number) for number in before] == [is_handled, is_handled]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert capfd.readouterr().err == ""
