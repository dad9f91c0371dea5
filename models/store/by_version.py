"""JSON files beside the versions of a model, with an entry a version: what is decided later, and changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.store.durable import replace_file
from models.store.regular_file import open_regular
from models.store.strict_json import parse_object

MAX_FILE_BYTES = 8 * 1024**2


def read_entries(path: Path) -> dict[str, Any]:
    """Read the entries by version; none without the file, ValueError where it is no JSON object."""
    try:
        with open_regular(path) as file:
            return parse_object(file.read(MAX_FILE_BYTES + 1), path.name, max_bytes=MAX_FILE_BYTES)
    except FileNotFoundError:
        return {}


def write_entry(path: Path, version: int, entry: dict[str, Any] | None) -> None:
    """Set the entry of a version, or remove it, and keep those of the others; call it while the model is locked."""
    try:
        entries = read_entries(path)
    except ValueError:  # what cannot be read tells nothing that could be kept
        entries = {}
    entries.pop(str(version), None)
    if entry is not None:
        entries[str(version)] = entry
    if entries or path.exists():
        replace_file(path, (json.dumps(entries, indent=2, ensure_ascii=False) + "\n").encode())
