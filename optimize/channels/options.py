"""What can be asked of channel pruning, as a value and as arguments of a command."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from optimize.options import adder
from training.distillation_settings import HINT_WEIGHT, TEACHER_WEIGHT, TEMPERATURE, check_teacher

DEFAULT_MACS = 0.5


@dataclass(frozen=True, slots=True)
class ChannelPruning:
    """How channels are pruned.

    Attributes:
        macs: part of the dense model's multiply-accumulates that may be left, in (0, 1).
        latency: in its place, part of the time that the dense int8 file takes for an image on one core, in (0, 1).
        rounds: of pruning and fine-tuning; each removes the same part of what is left.
        epochs: of fine-tuning after the last round.
        round_epochs: after each round before it.
        peak_lr: of fine-tuning; None for a fifth of the training's.
        small_fraction: part of each fine-tuning's steps, the first ones, that learn from images of three quarters of
            the side, in [0, 1).
        multiple_of: every width is a multiple of this.
        with_streams: prune the residual stream too, not only the channels within blocks.
        teacher_weight: part of the loss that is the distance to the dense model, see `Distillation`.
        temperature: of that distance.
        hint_weight: of the distance to what the dense model's stacks give, >= 0, see `Distillation`.
    """

    macs: float | None = None
    latency: float | None = None
    rounds: int = 2
    epochs: int = 20
    round_epochs: int = 4
    peak_lr: float | None = None
    small_fraction: float = 0.0
    multiple_of: int = 8
    with_streams: bool = True
    teacher_weight: float = TEACHER_WEIGHT
    temperature: float = TEMPERATURE
    hint_weight: float = HINT_WEIGHT

    def __post_init__(self) -> None:
        if self.macs is None and self.latency is None:
            object.__setattr__(self, "macs", DEFAULT_MACS)
        if self.macs is not None and self.latency is not None:
            raise ValueError("the budget is of macs or of latency, not of both")
        for name in ("macs", "latency"):
            if (budget := getattr(self, name)) is not None and not 0 < budget < 1:
                raise ValueError(f"{name} must be in (0, 1), got {budget}")
        for name in ("rounds", "epochs", "round_epochs", "multiple_of"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}")
        if not 0 <= self.small_fraction < 1:
            raise ValueError(f"small_fraction must be in [0, 1), got {self.small_fraction}")
        check_teacher(self.teacher_weight, self.temperature, self.hint_weight)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of channel pruning; those not given are not in the namespace, and keep their defaults."""
    group = parser.add_argument_group(
        "channels",
        "Removes whole channels: the result is an ordinary dense model, smaller and faster wherever it runs.",
    )

    add = adder(group)

    add("--macs", type=float, metavar="PART", help="of the multiply-accumulates that may be left, in (0, 1) (0.5)")
    add(
        "--latency",
        type=float,
        metavar="PART",
        help="in its place: of the dense int8 file's time on one core, measured",
    )
    add("--rounds", type=int, metavar="N", help="of pruning and fine-tuning (2)")
    add("--round-epochs", type=int, metavar="N", help="of fine-tuning after each round but the last (4)")
    add(
        "--small-fraction",
        type=float,
        metavar="PART",
        help="of fine-tuning's steps, the first ones, that learn from images of three quarters of the side: faster (0)",
    )
    add(
        "--hint-weight",
        type=float,
        metavar="WEIGHT",
        help=f"of the distance to what the stacks of the model that it began as give, >= 0 ({HINT_WEIGHT:g})",
    )
    add("--multiple-of", type=int, metavar="N", help="that every width is a multiple of (8)")
    add("--keep-streams", dest="with_streams", action="store_false", help="prune only within blocks")
