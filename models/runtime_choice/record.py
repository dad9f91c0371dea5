"""What came of trying runtimes, and which was chosen, as it is kept and told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.checks import one_of
from models.runtime import RUNTIMES, RuntimeName

BASELINE: RuntimeName = "litert"  # beside which others are tried
ALONE = "no other runtime for CPUs is installed"
NO_OTHER_FILE = "it has no file for another runtime that is installed"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying one runtime beside LiteRT.

    Attributes:
        runtime: that was tried.
        fault: why it may not serve; "" where it may.
        speed: how many times as fast as LiteRT: geometric mean of both quantities, median of the rounds.
        speed_quartiles: lower and upper quartile of the rounds.
        lone_ms: one image on all cores, median; LiteRT's first.
        images_per_s: an image on each core, side by side, median; LiteRT's first.
        distance: of its probabilities from the reference's (`agreement.Agreement`).
        num_same_label: golden pictures with the reference's label.
        num_pictures: all of them.
        reference: whose answers it was compared with.
    """

    runtime: RuntimeName
    fault: str = ""
    speed: float = 0.0
    speed_quartiles: tuple[float, float] = (0.0, 0.0)
    lone_ms: tuple[float, float] = (0.0, 0.0)
    images_per_s: tuple[float, float] = (0.0, 0.0)
    distance: float = 0.0
    num_same_label: int = 0
    num_pictures: int = 0
    reference: str = ""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Trial:
        """Read the JSON form; TypeError or ValueError where it is none."""
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        trial = cls(**fields)
        one_of(RUNTIMES, runtime=trial.runtime)
        pairs = (trial.speed_quartiles, trial.lone_ms, trial.images_per_s)
        if not all(len(pair) == 2 for pair in pairs) or not np.isfinite([trial.speed, trial.distance, *pairs[0]]).all():
            raise ValueError("a trial must have finite numbers")
        return trial

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


def timed(trials: Sequence[Trial]) -> Iterator[tuple[RuntimeName, float, float]]:
    """Yield each runtime that was timed, with ms of a lone image and images/s; LiteRT as beside the first other."""
    done = [trial for trial in trials if trial.num_pictures]
    if done:
        yield BASELINE, done[0].lone_ms[0], done[0].images_per_s[0]
    for trial in done:
        yield trial.runtime, trial.lone_ms[1], trial.images_per_s[1]


@dataclass(frozen=True, slots=True)
class RuntimeChoice:
    """The runtime of a version, and why it is that one.

    Attributes:
        runtime: that runs it.
        reason: in words that follow "because".
        trials: of the others, beside LiteRT.
        is_lasting: trials at another time would end alike.
    """

    runtime: RuntimeName
    reason: str
    trials: tuple[Trial, ...] = ()
    is_lasting: bool = True

    def __str__(self) -> str:
        return f"{self.runtime}, because {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"runtime": self.runtime, "reason": self.reason, "trials": [trial.to_dict() for trial in self.trials]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RuntimeChoice:
        """Read what `to_dict` wrote."""
        return cls(values["runtime"], values["reason"], tuple(Trial.from_dict(trial) for trial in values["trials"]))
