"""What the publisher of a version says of it: purposes.json beside routing.json.

A published version never changes, and what it is for is often known only later: so it stands in the model's folder.
What was said of a version holds for those after it, too, until something else is said of one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from models.errors import CorruptArtifact
from models.store.by_version import read_entries, write_entry
from models.store.fields import VERSION, validate_text

PURPOSES_FILE = "purposes.json"
MAX_LINES = 10
MAX_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a publisher says; each line at most MAX_CHARACTERS long.

    Attributes:
        is_for: what the model is for, at most MAX_LINES lines.
        is_not_for: what it is not for.
        caveats: what else is to be known: whom it may harm, what its data lacks.
        made_by: who made it.
        contact: where questions go.
        licence: under which the model may be used.

    Raises:
        ValueError: a field is malformed; the message names it.
    """

    is_for: tuple[str, ...] = ()
    is_not_for: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    made_by: str = ""
    contact: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        for name in ("is_for", "is_not_for", "caveats"):
            lines = getattr(self, name)
            if not isinstance(lines, list | tuple) or len(lines) > MAX_LINES:
                raise ValueError(f"{name} of a purpose must be at most {MAX_LINES} lines")
            for line in lines:
                _check_line(line, f"a line of {name}")
            object.__setattr__(self, name, tuple(lines))
        for name in ("made_by", "contact", "licence"):
            if (text := getattr(self, name)) != "":
                _check_line(text, name)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: object) -> Purpose:
        """Read the JSON form; ValueError where a field is unknown or malformed."""
        known = [field.name for field in fields(cls)]
        if not isinstance(values, Mapping) or not values.keys() <= {*known}:
            raise ValueError(f"a purpose may have the fields {', '.join(known)}")
        return cls(**values)


def read_purpose(folder: Path, version: int) -> Purpose | None:
    """Read what is said of a version of the model in `folder`, or of the last before it; None where nothing is.

    Raises:
        CorruptArtifact: the file is malformed.
    """
    try:
        entries = read_entries(folder / PURPOSES_FILE)
        if wrong := [key for key in entries if not VERSION.fullmatch(key)]:
            raise ValueError(f"{wrong[0][:20]!r} is no version")
        before = [int(key) for key in entries if int(key) <= version]
        return Purpose.from_dict(entries[str(max(before))]) if before else None
    except ValueError as error:
        raise CorruptArtifact(
            f"{PURPOSES_FILE} of model {folder.name!r} is corrupt: {error}; "
            f"`python -m models purpose {folder.name}:{version} --clear` begins anew"
        ) from error


def write_purpose(folder: Path, version: int, purpose: Purpose | None) -> None:
    """Say something of a version, or say nothing of it any more; call it while the model is locked."""
    write_entry(folder / PURPOSES_FILE, version, purpose.to_dict() if purpose else None)


def _check_line(line: object, what: str) -> None:
    if len(validate_text(line, what)) > MAX_CHARACTERS:
        raise ValueError(f"{what} must have at most {MAX_CHARACTERS} characters, got {len(str(line))}")
