"""What can be asked of quantization-aware training, as a value and as arguments of a command."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from optimize.options import adder


@dataclass(frozen=True, slots=True)
class QuantizationAwareTraining:
    """How a model is fine-tuned.

    Attributes:
        epochs: of fine-tuning.
        peak_lr: of fine-tuning; None for a twentieth of the training's.
        num_calibration_images: training images that the ranges of the activations begin with.
        teacher_weight: part of the loss that is the distance to the float32 model, see `Distillation`.
        temperature: of that distance.
    """

    epochs: int = 4
    peak_lr: float | None = None
    num_calibration_images: int = 512
    teacher_weight: float = 0.5
    temperature: float = 4.0

    def __post_init__(self) -> None:
        for name in ("epochs", "num_calibration_images"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of such a training; those not given are not in the namespace, and keep their defaults."""
    group = parser.add_argument_group(
        "quantization-aware training", "Fine-tunes the model as the int8 file it becomes."
    )

    add = adder(group)

    add("--epochs", type=int, metavar="N", help="of fine-tuning (4)")
    add("--peak-lr", type=float, help="of fine-tuning (a twentieth of the training's)")
    add("--teacher-weight", type=float, metavar="PART", help="of the loss that the float32 model's answers have (0.5)")
    add("--temperature", type=float, help="that both models' logits are divided by for that (4)")
