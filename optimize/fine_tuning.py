"""How a network is trained on while something holds its weights where they are."""

from __future__ import annotations

from dataclasses import replace

from training.config import TrainingConfig


def held_in_place(config: TrainingConfig, *, epochs: int, peak_lr: float) -> TrainingConfig:
    """A training whose last weights count: their average would be off the zeros of a mask, or the steps of rounding."""
    return replace(config, epochs=epochs, peak_lr=peak_lr, warmup_fraction=0.0, average_decay=0.0)
