import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from training.cli import run
from training.stopping import Stopped, signals_as_exceptions

pytestmark = pytest.mark.usefixtures("heeds_signals")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_command_with_the_code_of_shells(capsys, number, code):
    before = signal.getsignal(number)
    assert run("python -m training", lambda: str(os.kill(os.getpid(), number))) == code
    assert capsys.readouterr().err == f"stopped by {number.name}\n"
    assert signal.getsignal(number) is before


def test_a_command_that_goes_on_says_so(capsys):
    assert run("python -m training", lambda: str(os.kill(os.getpid(), signal.SIGTERM)), goes_on=True) == 143
    assert capsys.readouterr().err == "stopped by SIGTERM; the same command goes on\n"


def test_a_second_signal_does_not_interrupt_the_saving():
    with signals_as_exceptions():
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)


def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_as_exceptions():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


# The first process of a PID namespace, as a container's is: what has no handler does nothing there.
ALONE = ["unshare", "--map-root-user", "--pid", "--fork"]
TRAINS = (
    "import os, time; from training.cli import leave, run; "
    "leave(run('python -m training', lambda: print('process', os.getpid()) or str(time.sleep(60)), goes_on=True))"
)


def can_be_the_first_process() -> bool:
    try:
        return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not can_be_the_first_process(), reason="no process here may begin a PID namespace")
def test_the_first_process_of_a_container_ends_by_sigterm_and_says_so():
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*ALONE, sys.executable, "-c", TRAINS], **pipes) as container:
        assert container.stdout.readline() == "process 1\n"
        (first,) = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()
        os.kill(int(first), signal.SIGTERM)
        assert container.communicate(timeout=30)[1] == "stopped by SIGTERM; the same command goes on\n"
    assert container.returncode == 143
