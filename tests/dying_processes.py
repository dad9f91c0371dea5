"""Children that run an action and can be told to die, as by SIGKILL, before their k-th file-system operation."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

DIED = 77
MAX_CHILD_S = 60
MAX_WRITE_BYTES = 1024  # so that a child also dies with a file half written


def start(action: Callable[[], object]) -> int:
    """Run `action` in a forked child; returns its process id."""
    with warnings.catch_warnings():
        # Python 3.12 warns that a lock could be held by a thread that the child does not have. It only writes files.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # pytest-timeout has a handler of its own, which would only raise
        signal.alarm(MAX_CHILD_S)
        action()
    except BaseException:  # noqa: BLE001 - nothing may get out of the child
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def exit_code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def dies_before(step: int, action: Callable[[], object]) -> bool:
    """Run `action` in a child that ends before its file-system operation number `step`; False if it got to its end."""

    def act() -> None:
        _count_operations(step)
        action()

    code = exit_code(start(act))
    assert code in (0, DIED), f"the child failed with {code}"
    return code == DIED


def _count_operations(last: int) -> None:
    operations = 0

    def count(event: str) -> None:
        nonlocal operations
        if event == "open" or event.startswith(("os.", "shutil.", "fcntl.")):
            operations += 1
            if operations == last:
                os._exit(DIED)

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any) -> Any:
            count(f"os.{name}")
            return function(*args)

        return wrapper

    write = os.write
    sys.addaudithook(lambda event, _: count(event))  # every open, mkdir, rename, remove, scandir, flock, ...
    os.write = counted("write", lambda handle, data: write(handle, data[:MAX_WRITE_BYTES]))
    os.fsync = counted("fsync", os.fsync)
    os.close = counted("close", os.close)
