"""Tries the usual ranges, orders of channels and fits on labelled photos, and chooses the best of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.importing.fit import Fitting
from models.importing.litert_file import Classifier
from models.importing.loaded import loaded
from models.importing.photos import Photos
from models.importing.pixel_range import AS_QUANTIZED, CHANNELS, Channels, PixelRange
from models.importing.refused import ForeignModelRefused
from models.measuring.intervals import in_words, paired, wilson
from models.pixels.preprocessing import Pixels
from models.portable.golden import one_by_one
from models.report import table
from models.runtime.cores import available_cores
from models.runtime.tensors import Probabilities

RANGES = ("-1..1", "0..1", "0..255", "imagenet", "caffe", AS_QUANTIZED)
FITS = (Fitting("crop", 0.875), Fitting("crop"), Fitting("stretch"), Fitting("crop", 0.875, "bicubic"))
MAX_PHOTOS = 400
MAX_PIXEL_BYTES = 256 * 1024**2
_TINIEST = 1e-12


@dataclass(frozen=True, slots=True)
class Way:
    """How pictures become what a network takes."""

    range: PixelRange
    fitting: Fitting

    def __str__(self) -> str:
        resample = f" {self.fitting.resample}" if self.fitting.resample != "bilinear" else ""
        return f"{self.range} {self.fitting}{resample}"

    def arguments(self) -> str:
        """Return it as it is typed."""
        resample = f" --resample {self.fitting.resample}" if self.fitting.resample != "bilinear" else ""
        asked = "" if self.range.name == AS_QUANTIZED else f" --range {self.range.name}"
        usual = PixelRange.parse(self.range.name).channels
        channels = f" --channels {self.range.channels}" if self.range.channels != usual else ""
        return f"{asked}{channels} --fit {self.fitting}{resample}".strip()


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one way.

    Attributes:
        way: that was tried.
        is_right: of each photo, whether the likeliest label is its own.
        loss: mean negative log-likelihood, nats, which decides between ways that get as many right.
    """

    way: Way
    is_right: tuple[bool, ...]
    loss: float

    @property
    def num_right(self) -> int:
        """Number of photos classified right."""
        return sum(self.is_right)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, for a manifest."""
        figures = {"num_right": self.num_right, "num_images": len(self.is_right), "loss": round(self.loss, 6)}
        interval = wilson(self.num_right, len(self.is_right)).to_list()
        range_and_order = self.way.range.to_dict()
        return {
            "range": range_and_order["name"],
            "channels": range_and_order["channels"],
            "fit": str(self.way.fitting),
            "resample": self.way.fitting.resample,
            **figures,
            "interval": interval,
        }


def ranges_to_try(given: PixelRange | None, channels: Channels | None, inside: str | None = None) -> list[PixelRange]:
    """List the ranges, each with both orders, or what is left to try where some of it is given.

    Args:
        given: the range, where it is known.
        channels: their order, where it is known.
        inside: the range that the file tells, which is tried, too.
    """
    names = [given.name] if given else dict.fromkeys([inside, *RANGES] if inside else RANGES)
    orders = [channels] if channels else CHANNELS
    return [PixelRange(name, order) for name in names for order in orders]


def try_ways(
    classifiers: Sequence[tuple[PixelRange, Classifier]],
    fittings: Sequence[Fitting],
    photos: Photos,
    *,
    say: Callable[[str], None],
) -> list[Tried]:
    """Try all ranges with the first fit, and then the best of them with the other fits.

    Args:
        classifiers: by range.
        fittings: at least one.
        photos: to choose by, of which MAX_PHOTOS at most are read.
        say: called with a line before it begins.

    Returns:
        What was tried, the best first.

    Raises:
        ForeignModelRefused: no way gives more than chance.
    """
    one = classifiers[0][1]
    most = max(1, MAX_PIXEL_BYTES // (3 * one.height_px * one.width_px))
    photos = photos.subset(range(min(len(photos), MAX_PHOTOS, most)))
    say(f"trying {len(classifiers)} ranges and {len(fittings)} fits on {len(photos)} photos")

    def tried(way: Way, classifier: Classifier, pixels: list[Pixels]) -> Tried:
        answers = _answers(classifier, pixels)
        of_target = answers[np.arange(len(pixels)), photos.targets].astype(np.float64)
        is_right = tuple((answers.argmax(axis=1) == photos.targets).tolist())
        return Tried(way, is_right, float(-np.log(np.maximum(of_target, _TINIEST)).mean()))

    first, *others = fittings
    pixels = photos.pixels(first.spec(one.height_px, one.width_px))
    found = [tried(Way(name, first), classifier, pixels) for name, classifier in classifiers]
    best = min(found, key=_rank)
    of_best = dict(classifiers)[best.way.range]
    for fitting in others:
        pixels = photos.pixels(fitting.spec(one.height_px, one.width_px))
        found.append(tried(replace(best.way, fitting=fitting), of_best, pixels))
    found.sort(key=_rank)
    chance = 1 / one.num_classes
    if wilson(found[0].num_right, len(photos)).low <= chance:
        raise ForeignModelRefused(
            f"no way gives more than chance: the best, {found[0].way}, is right for "
            f"{in_words(found[0].num_right, len(photos), 'photo')}. Are the labels in the order of the outputs? "
            "Else give more photos, or --range and --fit as the model was trained"
        )
    return found


def about(found: Sequence[Tried]) -> str:
    """Write what was tried as a table, the best first, and how sure the choice is."""
    rows = [
        (
            each.way.range.name,
            each.way.range.channels,
            f"{each.way.fitting}{' bicubic' if each.way.fitting.resample == 'bicubic' else ''}",
            in_words(each.num_right, len(each.is_right), "photo"),
            f"{each.loss:.3f}" if math.isfinite(each.loss) else "-",
        )
        for each in found
    ]
    lines = [table(("RANGE", "CHANNELS", "FIT", "RIGHT (95 % INTERVAL)", "LOSS"), rows)]
    best, near = found[0], []
    for other in found[1:]:
        pairs = list(zip(best.is_right, other.is_right, strict=True))
        broken, fixed = pairs.count((True, False)), pairs.count((False, True))
        if paired(broken, fixed, len(pairs)).high >= 0:
            near.append(str(other.way))
    if near:
        lines.append(f"these photos are too few to tell it from {', or '.join(near)}")
    return "\n".join(lines)


def _rank(tried: Tried) -> tuple[float, float]:
    return -tried.num_right, tried.loss


def _answers(classifier: Classifier, pixels: list[Pixels]) -> Probabilities:
    """Run a classifier on pictures one by one; float32 [N, C]."""
    shape = (classifier.height_px, classifier.width_px, 3)
    tensors: dict[str, Any] = {"input_shape": shape, "num_classes": classifier.num_classes}
    with loaded(classifier.content, classifier.model_format, **tensors, num_threads=available_cores()) as runtime:
        return one_by_one(runtime, pixels)
