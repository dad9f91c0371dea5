"""What can be asked of quantization after training, as a value and as arguments of a command."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from optimize.options import adder

Precision = Literal["int8", "float16", "dynamic"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
CalibrationChoice = Literal["random", "balanced"]
CALIBRATION_CHOICES: tuple[CalibrationChoice, ...] = get_args(CalibrationChoice)


@dataclass(frozen=True, slots=True)
class Quantization:
    """How a trained model is quantized.

    Attributes:
        precision: "int8" weights and activations; "float16" weights; or "dynamic": int8 weights, float activations
            that each operator quantizes as they come.
        num_calibration_images: that fix the ranges of int8 activations, >= 1.
        calibration: "random" training images, or "balanced": the same number of each class. Drawn by the run's seed.
        calibration_images: a folder or zip file of pictures to take in the place of training images.
    """

    precision: Precision = "int8"
    num_calibration_images: int = 512
    calibration: CalibrationChoice = "random"
    calibration_images: Path | None = None

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}")
        if self.num_calibration_images < 1:
            raise ValueError(f"num_calibration_images must be >= 1, got {self.num_calibration_images}")
        if self.calibration not in CALIBRATION_CHOICES:
            raise ValueError(f"calibration must be one of {', '.join(CALIBRATION_CHOICES)}, got {self.calibration!r}")
        if self.calibration == "balanced" and self.calibration_images:
            raise ValueError("calibration on pictures of your own cannot be balanced: their classes are not known")
        if self.precision != "int8" and replace(self, precision="int8") != Quantization():
            raise ValueError(f"{self.precision} needs no calibration: only int8 activations have ranges to fix")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of quantization; those not given are not in the namespace, and keep their defaults."""
    add = adder(parser)

    add(
        "--precision",
        choices=PRECISIONS,
        help="int8: weights and activations, smallest and fastest; float16: weights, half the bytes; dynamic: int8 "
        "weights, float activations (int8)",
    )
    add("--num-calibration-images", type=int, metavar="N", help="that fix the ranges of int8 activations (512)")
    add(
        "--calibration",
        choices=CALIBRATION_CHOICES,
        help="which training images: random ones, or balanced: the same number of each class (random)",
    )
    add(
        "--calibration-images",
        type=Path,
        metavar="PATH",
        help="a folder or zip file of pictures to calibrate on in the place of training images",
    )
