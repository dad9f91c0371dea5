"""The other side of `own_process`: holds itself to limits, does a job, and writes what came of it as JSON.

`python -m models.importing.child MODULE:FUNCTION PID` ends with the process PID, which began it: first of all that is
seen to, for what a module imports may take a minute.
"""

from __future__ import annotations

import ctypes
import json
import os
import pkgutil
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from models.errors import OpsinError
from models.importing.own_process import REFUSED

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38  # prctl(2)


def main(function: str, asked_by: int) -> int:
    """Do the job that stands on standard input by a function; returns the exit status."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != asked_by:  # which ended before that
        return 1
    return answer(pkgutil.resolve_name(function))


def answer(do: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> int:
    """Hold this process to its limits and do the job; returns the exit status."""
    asked = json.load(sys.stdin)
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    with suppress(OSError):  # no Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text("1000")
    limits = asked["limits"]
    for kind, most in (
        (resource.RLIMIT_CPU, limits["seconds"]),
        (resource.RLIMIT_DATA, limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    answer_to = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries say is no answer
    try:
        found = dict(do(asked["job"]))
    except OpsinError as error:
        found = {REFUSED: str(error)}
    except MemoryError:
        found = {REFUSED: f"it takes more than the {limits['memory_bytes'] // 1024**2:,} MB of memory that it may"}
    with os.fdopen(answer_to, "w") as written:
        json.dump(found, written)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
