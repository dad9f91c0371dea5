"""How long and how often everything is measured."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Plan:
    """The full plan, as the committed figures are made; `quick` is for a look while working on the server."""

    rounds: int = 5
    load_s: float = 12.0
    baseline_s: float = 6.0
    trial_s: float = 4.0  # of each arrangement or setting, to find the best
    lone_rounds: int = 30  # of 16 photos each
    large_photos: int = 60
    starts: int = 9
    overload_s: float = 60.0
    faults_s: float = 60.0
    swaps: int = 100
    stops: int = 5
    began_at: float = field(default_factory=time.monotonic)

    @classmethod
    def quick(cls) -> Plan:
        """A few minutes in all."""
        return cls(
            rounds=2,
            load_s=4.0,
            baseline_s=3.0,
            trial_s=2.0,
            lone_rounds=6,
            large_photos=12,
            starts=3,
            overload_s=15.0,
            faults_s=12.0,
            swaps=12,
            stops=2,
        )

    def say(self, text: str) -> None:
        """Tell whoever waits what is going on."""
        print(f"[{time.monotonic() - self.began_at:5.0f} s] {text}", file=sys.stderr, flush=True)
