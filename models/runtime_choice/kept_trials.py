"""Keeps trials of runtimes from start to start, in a folder of this user: what was measured here need not be again.

What is read decides which code runs a model, so it counts only where nobody else can have written it: the folder and
the file belong to this user, and others may not write them. A folder that cannot be used keeps nothing, which costs a
trial at each start and no more.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import secrets
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from models.runtime_choice.record import Trial
from models.store.strict_json import parse_object

log = logging.getLogger("opsin.runtime")

FOLDER = "runtimes"
LOOK_AGAIN_S = 0.1
_FORMAT = 1
_MAX_BYTES = 64 * 1024


def default_folder(environ: Mapping[str, str]) -> Path | None:
    """Return where things are kept: OPSIN_CACHE, else the XDG base directory of this user; None without a home."""
    if own := environ.get("OPSIN_CACHE", "").strip():
        return Path(own)
    for name, below in (("XDG_CACHE_HOME", "opsin"), ("HOME", ".cache/opsin")):
        if (path := Path(environ.get(name, ""))).is_absolute():
            return path / below
    return None


class KeptTrials:
    """The trials of one file on this machine.

    Args:
        folder: to keep them in; None keeps nothing.
        key: all that they depend on, JSON.
    """

    def __init__(self, folder: Path | None, key: Mapping[str, Any]) -> None:
        self._folder, self._key = folder, json.loads(json.dumps(key))
        self._name = f"{hashlib.sha256(json.dumps(self._key, sort_keys=True).encode()).hexdigest()[:32]}.json"

    def read(self) -> tuple[Trial, ...]:
        """Return what was kept; nothing where there is none, or none that can be trusted."""
        with self._opened() as folder:
            if folder is None:
                return ()
            try:
                file = os.open(self._name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            except OSError:
                return ()
            with os.fdopen(file, "rb") as opened:
                if not _is_own(os.fstat(file), stat.S_ISREG):
                    log.warning("a kept trial of runtimes is not believed: others may have written it")
                    return ()
                content = opened.read(_MAX_BYTES + 1)
        try:
            record = parse_object(content, self._name, max_bytes=_MAX_BYTES)
            if record.get("format") != _FORMAT or record.get("key") != self._key:
                return ()
            return tuple(Trial.from_dict(trial) for trial in record["trials"])
        except (AttributeError, KeyError, TypeError, ValueError):
            return ()

    def write(self, trials: Sequence[Trial]) -> None:
        """Keep them; a reader finds all of the old ones or of these. Where that fails, they are not kept."""
        record = {"format": _FORMAT, "key": self._key, "trials": [trial.to_dict() for trial in trials]}
        temporary = f".tmp-{secrets.token_hex(8)}"
        with self._opened() as folder:
            if folder is None:
                return
            try:
                file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
                with os.fdopen(file, "wb") as opened:
                    opened.write(json.dumps(record, indent=1).encode())
                os.replace(temporary, self._name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError as error:
                log.info("trials of runtimes are not kept: %s", error.strerror)
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)

    @contextmanager
    def alone(self, patience_s: float) -> Iterator[None]:
        """Have the processes that share the folder measure one after the other, which would else disturb each other.

        Args:
            patience_s: after which it goes on all the same.
        """
        with self._opened() as folder:
            give_up_at = time.monotonic() + patience_s
            while folder is not None and time.monotonic() < give_up_at:
                try:
                    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(LOOK_AGAIN_S)
                except OSError:  # a file system without locks
                    break
            try:
                yield
            finally:
                if folder is not None:  # what was forked meanwhile has it open, too
                    with suppress(OSError):
                        fcntl.flock(folder, fcntl.LOCK_UN)

    @contextmanager
    def _opened(self) -> Iterator[int | None]:
        """Open the folder, and make it where it is missing; None where it cannot be used."""
        if self._folder is None:
            yield None
            return
        folder, opened = self._folder / FOLDER, None
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            if not _is_own(os.fstat(opened), stat.S_ISDIR):
                raise PermissionError(0, "it is another user's, or others may write into it")
        except OSError as error:
            log.info("trials of runtimes are not kept in %s: %s", folder, error.strerror)
            if opened is not None:
                os.close(opened)
            yield None
            return
        try:
            yield opened
        finally:
            os.close(opened)


def _is_own(status: os.stat_result, is_kind: Any) -> bool:
    others_may_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return bool(is_kind(status.st_mode) and status.st_uid == os.geteuid() and not others_may_write)
