"""Keeps what native libraries say of themselves off the terminal, and lets through what went wrong."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Iterator

# Before absl's log is set up, as it is once TensorFlow is there, TF_CPP_MIN_LOG_LEVEL has no effect on it. LiteRT and
# the converter have no level at all.
_NOISE = re.compile(
    rb"[IW]\d{4} |WARNING: All log messages before absl::InitializeLog|INFO: Created TensorFlow Lite |fully_quantize: "
)

_ONE_AT_A_TIME = threading.RLock()  # file descriptor 2 is that of the whole process


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2 meanwhile, and write all of it then that is not noise."""
    # In memory: a server may have no folder to write in.
    with _ONE_AT_A_TIME, os.fdopen(os.memfd_create("stderr"), "w+b") as held:
        sys.stderr.flush()
        terminal = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            os.write(2, b"".join(line for line in held if not _NOISE.match(line)))
