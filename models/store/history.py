"""Records which version was made the stable one, when, by whom and why: history.jsonl beside routing.json.

A line is written before the change that it tells of, so that none is missing; whether the change was made, routing.json
says. A line that a killed writer left half is passed over.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from models.checks import one_of
from models.store.durable import sync_folder
from models.store.fields import validate_version
from models.store.regular_file import open_regular

HISTORY_FILE = "history.jsonl"
MAX_HISTORY_BYTES = 16 * 1024**2  # of its end, that are read
MAX_WHY_CHARACTERS = 1000

Action = Literal["publish", "promote", "rollback", "retire", "canary", "shadow", "operating-point", "purpose"]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a model in the repository.

    Attributes:
        action: the command.
        version: that it was about.
        stable: the stable version from then on.
        before: the stable version until then; None where there was none.
        at: UTC, ISO 8601.
        by: user and host.
        why: in the words of whoever did it.
        percent: of the requests that the version gets from then on, as a canary or shadow; None for other commands.
    """

    action: Action
    version: int
    stable: int
    before: int | None
    at: str
    by: str
    why: str = ""
    percent: float | None = None

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Change:
        """Read the JSON form; TypeError or ValueError where it is none."""
        change = cls(**record)
        one_of(get_args(Action), action=change.action)
        for version in (change.version, change.stable, *(() if change.before is None else (change.before,))):
            validate_version(version)
        if not all(isinstance(text, str) for text in (change.at, change.by, change.why)):
            raise ValueError("at, by and why must be strings")
        if not isinstance(change.percent, int | float | None):
            raise ValueError("percent must be a number")
        return change

    def __str__(self) -> str:
        return self.action if self.percent is None else f"{self.action} {self.percent:g}%"


def change_now(
    action: Action, version: int, *, stable: int, before: int | None, why: str = "", percent: float | None = None
) -> Change:
    """Describe a change that this process makes now."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    at = datetime.now(UTC).isoformat(timespec="seconds")
    by = f"{user}@{socket.gethostname()}"
    return Change(action, version, stable, before, at, by, why[:MAX_WHY_CHARACTERS], percent)


def append(folder: Path, change: Change) -> None:
    """Write a change of the model in `folder` to its history, and bring it to disk; call it while it is locked."""
    path = folder / HISTORY_FILE
    is_new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        size = os.fstat(handle).st_size
        is_cut = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        record = {key: value for key, value in asdict(change).items() if key != "percent" or value is not None}
        os.write(handle, b"\n" * is_cut + json.dumps(record).encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    if is_new:
        sync_folder(folder)


def read_history(folder: Path) -> list[Change]:
    """Read the changes of the model in `folder`, the oldest first; none without a file."""
    try:
        with open_regular(folder / HISTORY_FILE) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - MAX_HISTORY_BYTES))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    changes = []
    for line in lines:
        try:
            changes.append(Change.from_dict(json.loads(line)))
        except (TypeError, ValueError, RecursionError):
            continue
    return changes


def stable_before(changes: Sequence[Change], stable: int) -> int | None:
    """Find which version was stable before that one was published or promoted last; None where nobody recorded it."""
    made = (change for change in reversed(changes) if change.action != "rollback" and change.stable == stable)
    return next((change.before for change in made if change.before not in (None, stable)), None)
