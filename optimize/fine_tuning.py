"""What a fine-tuning sets itself of the training that it goes on from."""

from __future__ import annotations

from dataclasses import replace

from optimize.settings import FineTuning
from training.config import TrainingConfig

# Settings of the training that every fine-tuning has its own of.
OWN = frozenset({"epochs", "peak_lr", "warmup_fraction", "small_fraction"})
OWN_IN_PLACE = OWN | {"average_decay"}


def held_in_place(config: TrainingConfig, fine_tuning: FineTuning) -> TrainingConfig:
    """Return the settings of a fine-tuning on full images whose last weights count.

    Their average would be off the zeros of a mask, or the steps of rounding.
    """
    return replace(
        config,
        epochs=fine_tuning.epochs,
        peak_lr=fine_tuning.peak_lr_after(config.peak_lr),
        warmup_fraction=0.0,
        small_fraction=0.0,
        average_decay=0.0,
    )
