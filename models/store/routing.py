"""Reads and writes routing.json, which names the served version. Only writers lock, so that no change is lost."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.errors import CorruptArtifact
from models.store.durable import replace_file
from models.store.fields import validate_version
from models.store.regular_file import open_regular
from models.store.strict_json import parse_object

ROUTING_FILE = "routing.json"
LOCK_FILE = ".routing.lock"
CANARY = "canary"  # a key of it, which `models.store.canary` reads
MAX_ROUTING_BYTES = 64 * 1024


def read_routing(folder: Path) -> dict[str, Any] | None:
    """Read the routing of the model in `folder`; None without a file.

    Raises:
        CorruptArtifact: routing.json is not a file with an object in which "stable" is a version.
    """
    try:
        with open_regular(folder / ROUTING_FILE) as file:
            data = file.read(MAX_ROUTING_BYTES + 1)
    except FileNotFoundError:
        return None
    try:
        routing = parse_object(data, ROUTING_FILE, max_bytes=MAX_ROUTING_BYTES)
        if "stable" not in routing:
            raise ValueError(f"{ROUTING_FILE} does not say which version is stable")
        validate_version(routing["stable"])
    except ValueError as error:
        raise CorruptArtifact(f"the routing of model {folder.name!r} is corrupt: {error}") from error
    return routing


def set_stable(folder: Path, version: int) -> None:
    """Make `version` the stable one, which answers all, so that a canary ends; call it while `locked`."""
    routing = read_routing(folder) or {}
    routing.pop(CANARY, None)
    write_routing(folder, routing | {"stable": version})


def pin_stable(folder: Path, version: int) -> None:
    """Write down which version is stable already, whatever is published or retired; call it while `locked`."""
    write_routing(folder, (read_routing(folder) or {}) | {"stable": version})


def write_routing(folder: Path, routing: Mapping[str, Any]) -> None:
    """Replace routing.json, in one step; call it while `locked`."""
    replace_file(folder / ROUTING_FILE, (json.dumps(routing, indent=2) + "\n").encode())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other writers of the model in `folder` waiting; the kernel unlocks if this process dies."""
    # Opened for writing because network file systems lock nothing else.
    handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
