"""Splits the requests for a model that has a canary between that and the stable version.

A session stays on its side: its name is hashed to a place in [0, 1), the same in each server, and the canary has the
places below its share. So who is in stays in while the share grows, and another canary begins with other sessions. A
request without a session is placed at random.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

STABLE, CANARY = "stable", "canary"  # labels of versions, as clients of TensorFlow Serving know them
SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class TrafficSplit:
    """How the requests for a model are split that name no version.

    Attributes:
        name: of the model.
        stable: the version that gets the others.
        candidate: the canary.
        percent: of the requests that the canary gets, in (0, 100].
        is_shadow: it is asked beside the stable version, which answers all.
    """

    name: str
    stable: int
    candidate: int
    percent: float
    is_shadow: bool = False

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> TrafficSplit:
        """Read what `to_dict` wrote."""
        return cls(**record)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    def told(self) -> dict[str, Any]:
        """Describe it to an operator."""
        canary = {"name": self.name, "version": self.candidate, "percent": self.percent, "kind": self.kind}
        return {**canary, "stable": self.stable}

    @property
    def kind(self) -> str:
        """What the candidate is: canary or shadow."""
        return SHADOW if self.is_shadow else CANARY

    def takes(self, session: str | None, draw: Callable[[], float] = random.random) -> bool:
        """Tell whether the canary gets a request of a session; without one, `draw` places it in [0, 1)."""
        place = draw() if session is None else place_of(self.name, self.candidate, session)
        return 100 * place < self.percent


def place_of(name: str, version: int, session: str) -> float:
    """Hash a session to [0, 1), for a canary."""
    text = f"{name}:{version}:{session}".encode(errors="surrogateescape")
    return (int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 11) / 2**53
