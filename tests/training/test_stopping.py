import os
import signal

import pytest

from training.cli import run
from training.stopping import Stopped, signals_as_exceptions


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
