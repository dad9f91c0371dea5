"""Keeps the counts of all the server's processes in files, which any of them can read for `GET /metrics`.

They are prometheus_client's (its multiprocess mode), with one difference: a process keeps its values not under its
number, but under what it is, such as the second HTTP worker. Whoever takes the place of one that died goes on with its
files, so that no count goes back, and there are never more files than places. Nothing in them says how things stand at
a moment, so nothing is left to clear away when a process dies.

The master owns the folder, and all its processes hold a lock on it: one without is what a server left that was killed,
and the next to start removes it. The files have their full size from the start, so that a disk that is full later kills
no process that writes into its mapping.
"""

from __future__ import annotations

import fcntl
import itertools
import logging
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from prometheus_client import values

from server.metric_values import mapped_values
from server.metrics import Metrics
from server.put_off import Call, call_at_once
from server.setting_rows import SettingsError

MEMORY_FOLDER = "/dev/shm"  # noqa: S108 - the files in it have names that nobody can guess
PREFIX = "opsin-metrics-"
FILE_BYTES = 128 * 1024  # the histograms take 56 KiB; a file grows where that is not enough
KINDS = ("counter", "histogram")
LOCKED_AFTER_S = 60.0  # an older folder that is not locked has been abandoned

log = logging.getLogger("opsin.metrics")


def memory_folder() -> str | None:
    """Find the folder whose files are in memory, so that no write waits for a disk; None: there is none."""
    return MEMORY_FOLDER if os.access(MEMORY_FOLDER, os.W_OK) else None


class MetricFiles:
    """The folder of the metrics, with a file for each place: http0, http1, ..., engine0, engine1, ...

    Args:
        parent: where to make the folder; None: where temporary files go.
        workers: how many there are at most.
        engines: as for workers.

    Raises:
        SettingsError: there is no room, or it may not be written.
    """

    def __init__(self, parent: str | None, *, workers: int, engines: int) -> None:
        self._owner = os.getpid()
        self._lock: int | None = None
        places = [f"http{number}" for number in range(workers)] + [f"engine{number}" for number in range(engines)]
        try:
            _remove_abandoned(Path(parent or tempfile.gettempdir()))
            self._folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            try:
                self._lock = _locked(self._folder)
                for place, kind in itertools.product(places, KINDS):
                    with (self._folder / f"{kind}_{place}.db").open("xb") as file:
                        os.posix_fallocate(file.fileno(), 0, FILE_BYTES)
            except OSError:
                self.remove()
                raise
        except OSError as error:
            size_kib = len(places) * len(KINDS) * FILE_BYTES // 1024
            raise SettingsError(
                f"the metrics need {size_kib} KiB in {MEMORY_FOLDER} or, where that may not be written, in TMPDIR: "
                f"{error.strerror}"
            ) from None

    def metrics_of(self, place: str, *, call: Call = call_at_once) -> Metrics:
        """Open the metrics of this process, once, under its place; in memory alone if the files have been lost.

        Args:
            place: one of those there are.
            call: of `Metrics`.
        """
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self._folder)
        values.ValueClass = mapped_values(place)
        try:
            return Metrics(self._folder, call=call)
        except (OSError, ValueError) as error:
            log.error("the metrics of this process are its own: %s", error)
            values.ValueClass = values.MutexValue
            return Metrics(call=call)

    def remove(self) -> None:
        """Remove the folder and unlock it, unless this process has a master that does so later.

        A second call does nothing.
        """
        if os.getppid() != self._owner:
            shutil.rmtree(self._folder, ignore_errors=True)
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None


def _locked(folder: Path) -> int:
    """Lock a folder until all processes that inherit the lock have ended; OSError where another server's have not."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise
    return file


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            status = folder.lstat()
            if status.st_uid == os.geteuid() and time.time() > status.st_mtime + LOCKED_AFTER_S:
                lock = _locked(folder)
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)
