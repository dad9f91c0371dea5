"""What can be asked of magnitude pruning, as a value and as arguments of a command."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Literal, get_args

from optimize.magnitude.layers import LayerRule
from optimize.options import adder
from training.distillation_settings import TEACHER_WEIGHT, TEMPERATURE, check_teacher

Pattern = Literal["unstructured", "2:4"]
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)

BEGIN, END, POWER = 0.0, 0.7, 3.0


@dataclass(frozen=True, slots=True)
class MagnitudePruning:
    """How the smallest weights are made zero.

    Attributes:
        sparsity: fraction of zeros among the weights of all convolutions and the classifier, in [0, 1).
        layer_sparsity: exceptions, such as "conv4_.*=0.9"; see `optimize.magnitude.layers`.
        pattern: "unstructured", or "2:4": two zeros in every four weights along the input channels, which is the last
            axis in a LiteRT file. Sparse tensor cores of GPUs can use it (arXiv:2104.08378); LiteRT does not.
        at_once: make all zeros before the first step, where the other weights can best make up for them; see
            `optimize.magnitude.second_order`. Else they are made slowly, of what is smallest by then.
        begin: part of the steps before the first zeros, in [0, 1).
        end: part of the steps after which the masks stay, in (begin, 1]; the rest serves to recover.
        power: of the polynomial by which the sparsity rises, > 0.
        epochs: of fine-tuning, >= 1.
        peak_lr: of fine-tuning; None for a fifth of the training's.
        teacher_weight: part of the loss that is the distance to the dense model, see `Distillation`.
        temperature: of that distance.
    """

    sparsity: float = 0.5
    layer_sparsity: tuple[str, ...] = ()
    pattern: Pattern = "unstructured"
    at_once: bool = False
    begin: float = BEGIN
    end: float = END
    power: float = POWER
    epochs: int = 4
    peak_lr: float | None = None
    teacher_weight: float = TEACHER_WEIGHT
    temperature: float = TEMPERATURE

    def __post_init__(self) -> None:
        object.__setattr__(self, "layer_sparsity", tuple(self.layer_sparsity))
        if not 0 <= self.sparsity < 1:
            raise ValueError(f"sparsity must be in [0, 1), got {self.sparsity}")
        if self.pattern not in PATTERNS:
            raise ValueError(f"pattern must be one of {', '.join(PATTERNS)}, got {self.pattern!r}")
        if not 0 <= self.begin < self.end <= 1:
            raise ValueError(f"0 <= begin < end <= 1 must hold, got begin {self.begin} and end {self.end}")
        if self.power <= 0:
            raise ValueError(f"power must be > 0, got {self.power}")
        if self.epochs < 1:
            raise ValueError(f"epochs must be >= 1, got {self.epochs}")
        check_teacher(self.teacher_weight, self.temperature)
        if self.pattern == "2:4" and self.sparsity != 0.5:
            raise ValueError(f"the 2:4 pattern has a sparsity of 0.5, got {self.sparsity:g}")
        if self.is_made_at_the_beginning and (self.begin, self.end, self.power) != (BEGIN, END, POWER):
            raise ValueError(
                "the zeros of the 2:4 pattern, or at once, are made in the beginning: begin, end and power say nothing"
            )
        _ = self.rules  # an error in one is told here

    @property
    def rules(self) -> tuple[LayerRule, ...]:
        """The exceptions of `layer_sparsity`, in order."""
        return tuple(LayerRule.parse(text) for text in self.layer_sparsity)

    @property
    def is_made_at_the_beginning(self) -> bool:
        """Whether no zeros are made after the first step."""
        return self.at_once or self.pattern == "2:4"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of magnitude pruning; those not given are not in the namespace, and keep their defaults."""
    group = parser.add_argument_group(
        "magnitude",
        "Sets weights to zero. The compressed file shrinks; dense kernels run as fast as before.",
    )

    add = adder(group)

    add("--sparsity", type=float, metavar="S", help="fraction of zeros among all weights, in [0, 1) (0.5)")
    add(
        "--layer-sparsity",
        action="append",
        metavar="PATTERN=S",
        help="sparsity of the layers whose whole name matches a regular expression, such as 'conv4_.*=0.9'; may be "
        "given again, the last match counts, and the other layers share what is left of --sparsity "
        "(conv1_conv=0, and for predictions at most 0.8)",
    )
    add(
        "--pattern",
        choices=PATTERNS,
        help="2:4 is two zeros in every four weights along the input channels (unstructured)",
    )
    add(
        "--at-once",
        action="store_true",
        help="make all zeros before the fine-tuning, where the other weights can best make up for them, and not slowly "
        "of what is smallest by then",
    )
    add("--begin", type=float, metavar="PART", help="part of the steps before the first zeros, in [0, 1) (0)")
    add("--end", type=float, metavar="PART", help="part of the steps after which the zeros stay where they are (0.7)")
    add("--power", type=float, help="of the polynomial by which the sparsity rises (3)")
