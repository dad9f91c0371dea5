"""Has a signal end an import as an error would: the process that it has begun is ended, and its folder removed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)  # SIGINT is raised as KeyboardInterrupt


@contextmanager
def ends_by_signal() -> Iterator[None]:
    """Raise SystemExit in the block where a signal tells this process to end; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handled = [number for number in SIGNALS if signal.getsignal(number) == signal.SIG_DFL]

    def end(number: int, _frame: FrameType | None) -> None:
        for each in handled:  # a closing terminal tells twice, which must not interrupt what ends
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in handled:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
