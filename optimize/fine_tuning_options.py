"""What every method that trains on can be asked, as arguments of a command."""

from __future__ import annotations

import argparse

from optimize.options import adder
from training.distillation_settings import TEACHER_WEIGHT, TEMPERATURE


def add_arguments(parser: argparse.ArgumentParser, *, epochs: str, peak_lr: str) -> None:
    """Add the options of fine-tuning; those not given are not in the namespace, and keep their defaults.

    Args:
        parser: of a command.
        epochs: its default, in words.
        peak_lr: its default, in words.
    """
    group = parser.add_argument_group("fine-tuning", "The model that it began as is the teacher of the smaller one.")
    add = adder(group)

    add("--epochs", type=int, metavar="N", help=f"({epochs})")
    add("--peak-lr", type=float, metavar="LR", help=f"highest learning rate ({peak_lr})")
    add(
        "--teacher-weight",
        type=float,
        metavar="PART",
        help=f"of the loss that the teacher's answers have, in [0, 1] ({TEACHER_WEIGHT:g})",
    )
    add(
        "--temperature",
        type=float,
        help=f"that the logits of both are divided by for that; higher where the teacher's labels were not smoothed "
        f"({TEMPERATURE:g})",
    )
