"""Forks children of the master and hears how they end."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable

log = logging.getLogger("opsin.supervisor")


def fork_child(main: Callable[[], object]) -> int:
    """Run a function in a child process, which ends with it, and return the child's number.

    Ctrl-C goes to the whole group, and finds the child ignoring it from its first instruction on.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return pid
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        main()
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:
        log.exception("a child process failed")
    finally:
        os._exit(status)  # the child never returns into the master's code


def status_of(pid: int, *, wait: bool = False) -> int | None:
    """Read the exit status of a child, or minus the signal that ended it; None while it runs."""
    try:
        ended_pid, status = os.waitpid(pid, 0 if wait else os.WNOHANG)
    except ChildProcessError:
        return 0  # somebody else has asked already, so it has ended
    return os.waitstatus_to_exitcode(status) if ended_pid else None


def describe_status(status: int) -> str:
    """Describe how a process ended, in a few words."""
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
