"""Reads and writes the canary of a model: a version that gets a share of the requests beside the stable one.

It stands in routing.json, {"stable": 1, "canary": {"version": 2, "percent": 10}}, so that making it the stable version,
and ending it, are one rename. Who reads "stable" alone needs to know nothing of it. One with "shadow": true is asked
too, and its answers are compared with those of the stable version, but never sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.checks import within
from models.errors import CorruptArtifact
from models.store.fields import validate_version
from models.store.history import Action, append, change_now
from models.store.routing import CANARY, ROUTING_FILE, read_routing, write_routing

_FIELDS = {"version", "percent", "shadow"}


@dataclass(frozen=True, slots=True)
class Canary:
    """A version beside the stable one.

    Attributes:
        version: another than the stable one.
        percent: of the requests that name no version, in (0, 100].
        is_shadow: its answers are compared and never sent.

    Raises:
        ValueError: the version or the percent is none.
    """

    version: int
    percent: float
    is_shadow: bool = False

    def __post_init__(self) -> None:
        validate_version(self.version)
        within("(0, 100]", percent=self.percent)

    @classmethod
    def from_dict(cls, record: object) -> Canary:
        """Read the JSON form; ValueError where it is none."""
        if not isinstance(record, Mapping) or not {"version", "percent"} <= record.keys() <= _FIELDS:
            raise ValueError('it must be {"version": <version>, "percent": <number>} and may have "shadow"')
        percent, is_shadow = record["percent"], record.get("shadow", False)
        if isinstance(percent, bool) or not isinstance(percent, int | float) or not isinstance(is_shadow, bool):
            raise ValueError(f"percent must be a number and shadow true or false, got {percent!r} and {is_shadow!r}")
        return cls(record["version"], percent, is_shadow)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"version": self.version, "percent": self.percent, **({"shadow": True} if self.is_shadow else {})}

    def __str__(self) -> str:
        return f"{'shadow' if self.is_shadow else 'canary'} {self.percent:g} %"


def read_canary(folder: Path) -> Canary | None:
    """Read the canary of the model in `folder`; None where there is none.

    Raises:
        CorruptArtifact: what routing.json says of it cannot be used.
    """
    routing = read_routing(folder) or {}
    if CANARY not in routing:
        return None
    try:
        return Canary.from_dict(routing[CANARY])
    except ValueError as error:
        message = f"the routing of model {folder.name!r} is corrupt: {CANARY!r} in {ROUTING_FILE}: {error}"
        raise CorruptArtifact(message) from error


def begin_canary(folder: Path, canary: Canary, *, stable: int, why: str) -> None:
    """Record a canary and write it, in the place of another; call it while the folder is locked."""
    action: Action = "shadow" if canary.is_shadow else "canary"
    change = change_now(action, canary.version, stable=stable, before=stable, percent=canary.percent, why=why)
    append(folder, change)
    write_routing(folder, {**(read_routing(folder) or {}), "stable": stable, CANARY: canary.to_dict()})


def end_canary(folder: Path, action: Action, *, stable: int, why: str) -> bool:
    """Record the end of a canary, a broken one too, and make it so; False: there is none. Call it while locked."""
    routing = read_routing(folder) or {}
    if CANARY not in routing:
        return False
    try:
        version = Canary.from_dict(routing[CANARY]).version
    except ValueError:
        version = stable
    percent = 0 if action == "canary" else None
    append(folder, change_now(action, version, stable=stable, before=stable, percent=percent, why=why))
    del routing[CANARY]
    write_routing(folder, {**routing, "stable": stable})
    return True
