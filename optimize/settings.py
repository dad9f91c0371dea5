"""Declares the settings of every method, each with its default and its help; nothing here loads TensorFlow."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from models.checks import at_least, one_of, within
from optimize.magnitude.layers import LayerRule
from optimize.options import option
from training.assignments import parse_assignments
from training.config import TrainingConfig, replaced
from training.distillation_settings import HINT_WEIGHT, TEACHER_WEIGHT, TEMPERATURE, check_teacher

Precision = Literal["int8", "float16", "dynamic"]
CalibrationChoice = Literal["random", "balanced"]
Pattern = Literal["unstructured", "2:4"]

DEFAULT_MACS = 0.5
# Of a training: each fine-tuning sets these.
SET_BY_FINE_TUNING = frozenset({"epochs", "peak_lr", "warmup_fraction", "small_fraction"})
# What the trained network, its pixels and its data are made by.
FIXED = frozenset(
    {"variant", "width", "norm", "image_px", "crop_fraction", "test_fraction", "validation_fraction", "seed"}
)


def parse_changes(assignments: Iterable[str], own: Collection[str]) -> dict[str, Any]:
    """Parse changes of a training's settings for a fine-tuning, such as "augmentation.cutout_px=8".

    Raises:
        ValueError: no such setting, no value of it, or one that is `FIXED` or that the fine-tuning has of its `own`.
    """
    changes = parse_assignments(assignments)
    if fixed := changes.keys() & FIXED:
        raise ValueError(f"{', '.join(sorted(fixed))} cannot be changed: the trained network is made for it")
    if owned := changes.keys() & own:
        raise ValueError(f"{', '.join(sorted(owned))} cannot be set: a fine-tuning has its own; see --help")
    replaced(TrainingConfig(), changes)  # raises where a value cannot be
    return changes


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """Settings of a compressed model's fine-tuning; the model that it was made from is its teacher."""

    lr_divisor: ClassVar[int] = 5
    own: ClassVar[frozenset[str]] = SET_BY_FINE_TUNING

    epochs: int = field(default=4, metadata=option("of fine-tuning", metavar="N"))
    peak_lr: float | None = field(
        default=None, metadata=option("highest learning rate", default="a fifth of the training's", metavar="LR")
    )
    teacher_weight: float = field(
        default=TEACHER_WEIGHT,
        metadata=option("of the loss that the teacher's answers have, in [0, 1]", metavar="PART"),
    )
    temperature: float = field(
        default=TEMPERATURE,
        metadata=option(
            "that the logits of both are divided by for that; higher where the teacher's labels were not smoothed"
        ),
    )

    def __post_init__(self) -> None:
        at_least(1, epochs=self.epochs)
        at_least(0, peak_lr=self.peak_lr or 0)
        check_teacher(self.teacher_weight, self.temperature)

    def peak_lr_after(self, training_lr: float) -> float:
        """Return the highest learning rate of a fine-tuning after a training whose highest was `training_lr`."""
        return training_lr / self.lr_divisor if self.peak_lr is None else self.peak_lr


@dataclass(frozen=True, kw_only=True)
class ChannelPruning(FineTuning):
    """Settings of channel pruning, whose result is a dense model, smaller and faster wherever it runs."""

    macs: float | None = field(
        default=None,
        metadata=option(
            "of the multiply-accumulates that may be left, in (0, 1)", default=f"{DEFAULT_MACS:g}", metavar="PART"
        ),
    )
    latency: float | None = field(
        default=None,
        metadata=option("in its place: of the dense int8 file's time on one core, measured, in (0, 1)", metavar="PART"),
    )
    rounds: int = field(
        default=2,
        metadata=option("of pruning and fine-tuning; each removes the same part of what is left", metavar="N"),
    )
    epochs: int = field(default=20, metadata=option("of fine-tuning after the last round", metavar="N"))
    round_epochs: int = field(default=4, metadata=option("of fine-tuning after each round before it", metavar="N"))
    small_fraction: float = field(
        default=0.0,
        metadata=option(
            "of fine-tuning's steps, the first ones, that learn from images of three quarters of the side: faster",
            metavar="PART",
        ),
    )
    multiple_of: int = field(default=8, metadata=option("that every width is a multiple of", metavar="N"))
    with_streams: bool = field(default=True, metadata=option("prune only within blocks", "--keep-streams"))
    hint_weight: float = field(
        default=HINT_WEIGHT,
        metadata=option(
            "of the distance to what the stacks of the model that it began as give, >= 0", metavar="WEIGHT"
        ),
    )

    def __post_init__(self) -> None:
        FineTuning.__post_init__(self)
        if self.macs is None and self.latency is None:
            object.__setattr__(self, "macs", DEFAULT_MACS)
        if self.macs is not None and self.latency is not None:
            raise ValueError("the budget is of macs or of latency, not of both")
        for name in ("macs", "latency"):
            if (budget := getattr(self, name)) is not None:
                within("(0, 1)", **{name: budget})
        at_least(1, rounds=self.rounds, round_epochs=self.round_epochs, multiple_of=self.multiple_of)
        within("[0, 1)", small_fraction=self.small_fraction)
        check_teacher(hint_weight=self.hint_weight)


@dataclass(frozen=True, kw_only=True)
class MagnitudePruning(FineTuning):
    """Settings of magnitude pruning: the compressed file shrinks; dense kernels run as fast as before.

    The 2:4 pattern is what sparse tensor cores of GPUs can use (arXiv:2104.08378); LiteRT does not. Its four weights
    lie along the input channels, the last axis of a kernel in a LiteRT file.
    """

    own: ClassVar[frozenset[str]] = SET_BY_FINE_TUNING | {"average_decay"}

    sparsity: float = field(default=0.5, metadata=option("fraction of zeros among all weights, in [0, 1)", metavar="S"))
    layer_sparsity: tuple[str, ...] = field(
        default=(),
        metadata=option(
            "sparsity of the layers whose whole name matches a regular expression, such as 'conv4_.*=0.9'; may be "
            "given again, the last match counts, and the other layers share what is left of --sparsity",
            default="conv1_conv=0, and for predictions at most 0.8",
            metavar="PATTERN=S",
        ),
    )
    pattern: Pattern = field(
        default="unstructured",
        metadata=option("2:4 is two zeros in every four weights along the input channels"),
    )
    one_shot: bool = field(
        default=False,
        metadata=option(
            "make all zeros before the fine-tuning, where the other weights can best make up for them, and not slowly "
            "of what is smallest by then",
            "--one-shot",
            "--at-once",
        ),
    )
    begin: float = field(
        default=0.0, metadata=option("part of the steps before the first zeros, in [0, 1)", metavar="PART")
    )
    end: float = field(
        default=0.7, metadata=option("part of the steps after which the zeros stay where they are", metavar="PART")
    )
    power: float = field(default=3.0, metadata=option("of the polynomial by which the sparsity rises, > 0"))

    def __post_init__(self) -> None:
        FineTuning.__post_init__(self)
        object.__setattr__(self, "layer_sparsity", tuple(self.layer_sparsity))
        within("[0, 1)", sparsity=self.sparsity)
        one_of(get_args(Pattern), pattern=self.pattern)
        if not 0 <= self.begin < self.end <= 1:
            raise ValueError(f"0 <= begin < end <= 1 must hold, got begin {self.begin} and end {self.end}")
        if self.power <= 0:
            raise ValueError(f"power must be > 0, got {self.power}")
        if self.pattern == "2:4" and self.sparsity != 0.5:
            raise ValueError(f"the 2:4 pattern has a sparsity of 0.5, got {self.sparsity:g}")
        is_scheduled = any(getattr(self, name) != getattr(MagnitudePruning, name) for name in ("begin", "end", "power"))
        if self.is_made_at_the_beginning and is_scheduled:
            raise ValueError(
                "the zeros of the 2:4 pattern, or at once, are made in the beginning: begin, end and power say nothing"
            )
        _ = self.rules  # raises where one cannot be read

    @property
    def rules(self) -> tuple[LayerRule, ...]:
        """Return the exceptions of `layer_sparsity`, in order."""
        return tuple(LayerRule.parse(text) for text in self.layer_sparsity)

    @property
    def is_made_at_the_beginning(self) -> bool:
        """Tell if all zeros are made before the first step."""
        return self.one_shot or self.pattern == "2:4"


@dataclass(frozen=True)
class Quantization:
    """Settings of quantization after training."""

    precision: Precision = field(
        default="int8",
        metadata=option(
            "int8: weights and activations, smallest and fastest; float16: weights, half the bytes; dynamic: int8 "
            "weights, and float activations that each operator quantizes as they come"
        ),
    )
    num_calibration_images: int | None = field(
        default=None,
        metadata=option(
            "that fix the ranges of int8 activations", metavar="N", default="512, or 64 that are larger than 128 px"
        ),
    )
    calibration: CalibrationChoice = field(
        default="random",
        metadata=option("which training images: random ones, or balanced: the same number of each class"),
    )
    calibration_images: Path | None = field(
        default=None,
        metadata=option(
            "a folder or zip file of pictures to calibrate on in the place of training images", metavar="PATH"
        ),
    )

    def __post_init__(self) -> None:
        one_of(get_args(Precision), precision=self.precision)
        at_least(1, num_calibration_images=1 if self.num_calibration_images is None else self.num_calibration_images)
        one_of(get_args(CalibrationChoice), calibration=self.calibration)
        if self.calibration == "balanced" and self.calibration_images:
            raise ValueError("calibration on pictures of your own cannot be balanced: their classes are not known")
        if self.precision != "int8" and replace(self, precision="int8") != Quantization():
            raise ValueError(f"{self.precision} needs no calibration: only int8 activations have ranges to fix")


@dataclass(frozen=True, kw_only=True)
class QuantizationAwareTraining(FineTuning):
    """Settings of quantization-aware training."""

    METHOD: ClassVar[str] = "quantization-aware training"  # in the record of its run
    lr_divisor: ClassVar[int] = 20
    own: ClassVar[frozenset[str]] = SET_BY_FINE_TUNING | {"average_decay", "precision"}

    peak_lr: float | None = field(
        default=None, metadata=option("highest learning rate", default="a twentieth of the training's", metavar="LR")
    )
    num_calibration_images: int = field(
        default=512, metadata=option("training images that the ranges of the activations begin with", metavar="N")
    )

    def __post_init__(self) -> None:
        FineTuning.__post_init__(self)
        at_least(1, num_calibration_images=self.num_calibration_images)


@dataclass(frozen=True, kw_only=True)
class Search:
    """Settings of the search for a smaller model: its budget of time, and how long it may take."""

    own: ClassVar[frozenset[str]] = SET_BY_FINE_TUNING

    budget_latency: float = field(
        default=0.5,
        metadata=option("of the plain int8 file's time for an image on one core, in (0, 1]", metavar="PART"),
    )
    minutes: float = field(
        default=60.0,
        metadata=option("that the search may take; it says first what that allows, and ends with the best there is"),
    )
    epochs: int = field(
        default=100, metadata=option("of fine-tuning, at most, of each network with fewer channels", metavar="N")
    )
    aware_epochs: int = field(
        default=2, metadata=option("of quantization-aware training, where quantization loses accuracy", metavar="N")
    )
    strict: bool = field(
        default=False, metadata=option("publish nothing that does not keep to the budget of time, too")
    )
    dry_run: bool = field(default=False, metadata=option("say what would be tried and how long it takes, and end"))

    def __post_init__(self) -> None:
        within("(0, 1]", budget_latency=self.budget_latency)
        at_least(1, epochs=self.epochs, aware_epochs=self.aware_epochs)
        within("(0, inf)", minutes=self.minutes)
