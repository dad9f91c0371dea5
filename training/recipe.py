"""Choose how to learn from what the data set holds and what was asked for, and say why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.plural import how_many
from training.config import BACKBONES, NOTHING, TrainingConfig, preset, replaced
from training.dataset import Dataset, Split
from training.photo import upright_size
from training.transfer.starting_point import StartingPoint

ENOUGH_STEPS = 300  # of a fine-tuning; few photos are learned from in more epochs for that (docs/training.md)
SMALL_PX = 64  # the median short side of pictures, below which nothing is gained from a network for photos
_NUM_LOOKED_AT = 64
_FROM_PHOTOS = "--init lite0 starts from a network that knows photos, and takes minutes instead of hours"
_OTHERWISE = (
    "--init lite2 starts from a larger network, more accurate on ImageNet, and half as fast",
    "--minutes 60 gives it more time",
    "--init none trains a ResNet-v2 from nothing, for hours",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for; None is for what the data decides.

    Attributes:
        preset: a key of `training.config.PRESETS`.
        init: as typed.
        start: what `init` names; None of "none", too.
        changes: settings, by name.
    """

    preset: str | None = None
    init: str | None = None
    start: StartingPoint | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def first_config(self) -> TrainingConfig:
        """The settings as far as they are known before the data is opened: how files are read and sets are drawn."""
        return replaced(preset(self.preset or "scratch"), self.changes)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to learn.

    Attributes:
        config: the settings.
        reason: why, in a line.
        otherwise: what to type to have it done in another way, in a line each.
    """

    config: TrainingConfig
    reason: str
    otherwise: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, for the record of the run, which has the settings beside it."""
        return {"reason": self.reason, "otherwise": list(self.otherwise)}

    def lines(self) -> Iterator[str]:
        """Yield the lines for a terminal."""
        yield f"recipe: {self.reason}"
        yield from (f"  otherwise: {line}" for line in self.otherwise)


def choose(data: Dataset, wanted: Wanted) -> Recipe:
    """Choose the settings: photos start from a network that knows photos, small pictures from nothing.

    Raises:
        ValueError: what was asked for does not go together.
    """
    changes = wanted.changes
    if wanted.init == NOTHING:
        base, reason = preset("scratch" if wanted.preset in {None, "photos"} else str(wanted.preset)), "as asked for"
        base = replaced(base, {"init": NOTHING})
    elif wanted.start is not None:
        base, reason = replaced(preset(wanted.preset or "photos"), wanted.start.changes), "as asked for"
        base = replaced(base, {"init": wanted.start.init})
    elif wanted.preset is not None:
        base, reason = preset(wanted.preset), "as asked for"
    elif not str(changes.get("variant", "lite")).startswith("lite"):
        base, reason = preset("scratch"), f"variant={changes['variant']} is asked for"
    elif (side_px := median_short_side(data.train)) < SMALL_PX:
        kept = {"validation_fraction": TrainingConfig().validation_fraction, "image_px": side_px}
        base, reason = replaced(preset("cifar10"), kept), f"the pictures are small ({side_px} px)"
    else:
        base, reason = preset("photos"), f"these are photos (the median of their short sides is {side_px} px)"
    if base.init != NOTHING:
        batch_size = min(base.batch_size, len(data.train))  # of fewer photos, a step takes all
        of_few = math.ceil(ENOUGH_STEPS * batch_size / len(data.train))
        if of_few > base.epochs and "epochs" not in changes:
            base = replaced(base, {"epochs": of_few})
            reason += f"; each of so few ({len(data.train)} to learn from) is seen up to {of_few} times"
    return _recipe(replaced(base, changes), reason)


def _recipe(config: TrainingConfig, reason: str) -> Recipe:
    if config.init == NOTHING:
        return Recipe(config, f"from nothing, {about_network(config)}: {reason}", (_FROM_PHOTOS,))
    if config.init in BACKBONES and config.variant != config.init:
        raise ValueError(f"variant={config.variant} is not the network of --init {config.init}: give --init none")
    minutes = f"in {config.minutes:g} {'minute' if config.minutes == 1 else 'minutes'} or less, as the time allows"
    return Recipe(config, f"from {about_network(config)}, {minutes}: {reason}", _OTHERWISE)


def about_network(config: TrainingConfig) -> str:
    """Name the network and its pictures."""
    if config.init != NOTHING:
        return f"{config.init} (at {config.image_px} px)"
    width = f" of width {config.width}" if config.width else ""
    return f"a ResNet-{config.variant}-v2{width} at {config.image_px} px, {how_many(config.epochs, 'epoch')}"


def median_short_side(split: Split) -> int:
    """Return the median of the shorter sides, in pixels, of images from all over a split."""
    indices = np.linspace(0, len(split) - 1, min(len(split), _NUM_LOOKED_AT)).round().astype(int)
    return int(np.median([min(upright_size(split.read(int(index)))) for index in indices]))
