"""Turn the signals that ask a command to end into an exception, which a training answers by saving."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

# Sent by `docker stop` and `kill`, and where the terminal has gone.
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """The process was told to end, as by Ctrl-C.

    Attributes:
        exit_code: 128 + the number of the signal, as shells say it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextmanager
def signals_as_exceptions() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise `Stopped` in the block, once; for the main thread.

    The first process of a container needs it: a signal that such a process has no handler for does nothing there. What
    is ignored already, as by `nohup`, stays ignored.
    """

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        for each in handled:  # a closing terminal tells twice: that must not interrupt the saving
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    handled = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
