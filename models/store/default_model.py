"""Reads repository.json, which names the model of a request that names none."""

from __future__ import annotations

from pathlib import Path

from models.errors import CorruptArtifact
from models.store.fields import validate_name
from models.store.regular_file import open_regular
from models.store.strict_json import parse_object

REPOSITORY_FILE = "repository.json"
MAX_REPOSITORY_BYTES = 64 * 1024


def read_default(root: Path) -> str | None:
    """Read the default of the repository in `root`; None without a file.

    Raises:
        CorruptArtifact: repository.json is not a file with an object whose only key, "default", names a model.
    """
    try:
        with open_regular(root / REPOSITORY_FILE) as file:
            data = file.read(MAX_REPOSITORY_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        record = parse_object(data, REPOSITORY_FILE, max_bytes=MAX_REPOSITORY_BYTES)
        if record.keys() != {"default"}:
            raise ValueError(f"{REPOSITORY_FILE} must be {{'default': <name of a model>}}, got the keys {list(record)}")
        return validate_name(record["default"])
    except ValueError as error:
        raise CorruptArtifact(f"{REPOSITORY_FILE} of the repository is corrupt: {error}") from error
