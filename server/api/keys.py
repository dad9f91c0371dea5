"""API keys: who may ask. The file holds hashes alone, and is read again while the server runs.

A line of the file is a name and the hash of a key, `phone-app sha256:9f86...`; `python -m server.make_key` makes both.
A name may have several keys, so that a new one works before the old one goes. Keys are 256 random bits, so that one
round of SHA-256 is as good as a slow hash: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from server.setting_rows import SettingsError

MAX_FILE_BYTES = 256 * 1024
MAX_KEYS = 1000  # all are compared, in some 0.2 microseconds each
CHECK_S = 1.0  # how often the file is read again, while there are requests; at once, where a key is not in it
NAME = r"[a-z0-9][a-z0-9._-]{0,63}"
LINE = re.compile(rf"({NAME})[ \t]+sha256:([0-9a-f]{{64}})")

log = logging.getLogger("opsin.keys")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is kept of a key: whose it is, and its SHA-256."""

    name: str
    digest: bytes


def digest_of(key: str) -> bytes:
    """Hash a key as the file has it."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


def parse_keys(content: bytes) -> tuple[StoredKey, ...]:
    """Read the lines of a file of keys; empty ones and those that begin with # say nothing.

    Raises:
        ValueError: a line is no key, or there is none, or too many; never shows what the line holds.
    """
    keys = []
    for number, line in enumerate(content.decode("ascii", errors="replace").splitlines(), start=1):
        if not (text := line.strip()) or text.startswith("#"):
            continue
        if (match := LINE.fullmatch(text)) is None:
            raise ValueError(
                f"line {number} must be a name, of a-z 0-9 . _ -, and sha256:<64 hexadecimal digits>, as "
                "python -m server.make_key prints it"
            )
        keys.append(StoredKey(match[1], bytes.fromhex(match[2])))
    if not 1 <= len(keys) <= MAX_KEYS:
        raise ValueError(f"it must hold 1 to {MAX_KEYS} keys, it holds {len(keys)}")
    return tuple(keys)


class ApiKeys:
    """The keys of a file, as it is now; one that cannot be used leaves those of before in force.

    Any thread may ask it. At worst two of them read the file at once.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file; raises SettingsError where it cannot be used."""
        self._path, self._clock = path, clock
        self._next_check = clock() + CHECK_S
        self._stamp = self._stamp_now()
        try:
            self._content = read_secret(self._path)
            self._keys = parse_keys(self._content)
        except (OSError, ValueError) as error:
            raise SettingsError(f"OPSIN_API_KEYS_FILE cannot be used: {reason_of(error)}") from None
        self._trouble = ""  # what has been said of the file last

    def name_of(self, key: str) -> str | None:
        """Find whose key it is; None: nobody's. Takes as long for a key that is nearly right as for any other."""
        if self._clock() >= self._next_check:
            self._follow_file()
        name = self._find(key)
        if name is None and self._stamp_now() != self._stamp:  # it may have been added just now
            self._follow_file()
            name = self._find(key)
        return name

    def _find(self, key: str) -> str | None:
        digest, found = digest_of(key), None
        for stored in self._keys:
            if hmac.compare_digest(stored.digest, digest):
                found = stored.name
        return found

    def _follow_file(self) -> None:
        """Take over what the file holds now, whatever the file system says of its changes."""
        self._next_check = self._clock() + CHECK_S
        self._stamp = self._stamp_now()
        trouble = ""
        try:
            content = read_secret(self._path)
            if content != self._content:
                self._keys, self._content = parse_keys(content), content
                log.warning("the API keys have changed: there are %d now", len(self._keys))
        except (OSError, ValueError) as error:
            trouble = reason_of(error)
            if trouble != self._trouble:
                log.error("the file of API keys cannot be used, those of before stay in force: %s", trouble)
        self._trouble = trouble

    def _stamp_now(self) -> tuple[int, int, int] | None:
        """Tell by which file, size and time a change would show; nearly always does."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns


def read_secret(path: Path) -> bytes:
    """Read a file of secrets.

    Raises:
        OSError, ValueError: it cannot be read, or not be relied on.
    """
    # Without O_NONBLOCK a pipe would be waited for.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        content = file.read(MAX_FILE_BYTES + 1) if stat.S_ISREG(mode) else b""
    if not stat.S_ISREG(mode):
        raise ValueError("it is no file, but a folder, a pipe or a device")
    if mode & stat.S_IWOTH:
        raise ValueError("every user of this machine may write it, and so let itself in: chmod o-w")
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"it may have at most {MAX_FILE_BYTES} bytes, it has more")
    return content


def reason_of(error: Exception) -> str:
    """Say why a file of secrets cannot be used, without what it holds or where it is."""
    return (error.strerror or "it cannot be read") if isinstance(error, OSError) else str(error)
