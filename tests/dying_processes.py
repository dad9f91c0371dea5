"""Children that run an action and can be told to die, as by SIGKILL, before their k-th change of the file system."""

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
# Before any other operation the file system is as it was before the next of these.
CHANGES = {
    f"os.{name}" for name in ("chmod", "link", "mkdir", "remove", "rename", "rmdir", "symlink", "truncate", "utime")
}


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
    """Run `action` in a child that ends before change number `step` of the file system; False if it got to its end.

    The end counts as one, so that a child also dies after its last change.
    """

    def act() -> None:
        count = _count_changes(step)
        action()
        count()

    code = exit_code(start(act))
    assert code in (0, DIED), f"the child failed with {code}"
    return code == DIED


def _count_changes(last: int) -> Callable[[], None]:
    changes = 0

    def count() -> None:
        nonlocal changes
        changes += 1
        if changes == last:
            os._exit(DIED)

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CHANGES or (event == "open" and arguments[2] & (os.O_CREAT | os.O_TRUNC)):
            count()

    def write(handle: int, data: Any) -> int:
        count()
        return write_all(handle, data[:MAX_WRITE_BYTES])

    sys.addaudithook(note)
    write_all, os.write = os.write, write
    return count
