"""What can be asked of the whole ladder, as a value and as arguments of a command."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from optimize.options import adder


@dataclass(frozen=True, slots=True)
class Ladder:
    """What a smaller model has to keep to, and how much is spent on the way.

    Attributes:
        budget_latency: part of the time that the plain int8 file takes for an image on one core, in (0, 1].
        epochs: of fine-tuning after the last round of channel pruning.
        round_epochs: after each round before it.
        aware_epochs: of quantization-aware training, where quantization alone loses accuracy.
    """

    budget_latency: float = 0.5
    epochs: int = 20
    round_epochs: int = 4
    aware_epochs: int = 4

    def __post_init__(self) -> None:
        if not 0 < self.budget_latency <= 1:
            raise ValueError(f"budget_latency must be in (0, 1], got {self.budget_latency}")
        for name in ("epochs", "round_epochs", "aware_epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the ladder; those not given are not in the namespace, and keep their defaults."""
    add = adder(parser)

    add("--budget-latency", type=float, metavar="PART", help="of the plain int8 file's time for an image (0.5)")
    add("--epochs", type=int, metavar="N", help="of fine-tuning after the last round of channel pruning (20)")
    add("--round-epochs", type=int, metavar="N", help="after each round before it (4)")
    add("--aware-epochs", type=int, metavar="N", help="of quantization-aware training, where it is needed (4)")
