"""Deletes from pictures what a map says matters most, and as much at random, and asks the model again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from models.explanation.classifier_head import ClassifierHead
from models.explanation.heat_map import hottest
from models.pixels.preprocessing import Pixels
from models.pixels.spec import PixelSpec
from models.runtime import ExplainableRuntime

FRACTION = 0.2
WAYS = ("grey", "blurred")
BLUR = 20  # of the longer side, to one of the blur's radius


class Drops(NamedTuple):
    """By how much the probability of its label falls where a part of a picture is deleted.

    Attributes:
        hottest: where the map is highest.
        anywhere: in as many pixels, in patches of the same kind, drawn at random.
    """

    hottest: float
    anywhere: float


def deleted(pixels: Pixels, marked: npt.NDArray[np.bool_], way: str) -> Pixels:
    """Replace marked pixels by the mean of the picture, or by the picture out of focus."""
    if way == "grey":
        substitute = np.broadcast_to(pixels.mean(axis=(0, 1)).round().astype(np.uint8), pixels.shape)
    else:
        blur = ImageFilter.GaussianBlur(max(pixels.shape) / BLUR)
        substitute = np.asarray(Image.fromarray(pixels).filter(blur))
    return np.where(marked[:, :, None], substitute, pixels)


def drops_of(
    runtime: ExplainableRuntime, head: ClassifierHead, pixels: Pixels, spec: PixelSpec, random: np.random.Generator
) -> dict[str, Drops]:
    """Delete a fifth of a picture, in each of the ways, and say what its likeliest label loses."""
    [before] = runtime.run(pixels[None])
    label = int(before.argmax())
    class_map = head.class_map(runtime.features(0), label)
    shuffled = random.permutation(class_map.ravel()).reshape(class_map.shape)
    parts = [hottest(each, spec, FRACTION) for each in (class_map, shuffled)]
    lost = {}
    for way in WAYS:
        after = [runtime.run(deleted(pixels, marked, way)[None])[0][label] for marked in parts]
        lost[way] = Drops(*(float(before[label] - probability) for probability in after))
    return lost


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean and its 95 % interval, by the normal limit."""
    mean = float(np.mean(values))
    half_width = 1.96 * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return mean, mean - half_width, mean + half_width
