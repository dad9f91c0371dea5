"""95 % intervals of figures: what they might have been, had the images been others of the same kind."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from models.intervals import Interval, Z, wilson
from models.plural import how_many

__all__ = ["Interval", "bootstrap", "in_points", "in_words", "paired", "what_they_tell", "wilson"]

NUM_DRAWS = 500


def paired(num_broken: int, num_fixed: int, num_images: int) -> Interval:
    """Return the interval of the difference of two accuracies on the same images, both ends in [-1, 1].

    Agresti and Min, "Simple improved confidence intervals for comparing matched proportions" (2005): half an image
    more of each kind, without which the interval of a small test set is too narrow, or nothing.

    Args:
        num_broken: images that only the first model classified right.
        num_fixed: images that only the second model classified right.
        num_images: all images.
    """
    num_images += 2
    changed, gained = num_broken + num_fixed + 1, num_fixed - num_broken
    margin = Z * math.sqrt(changed - gained**2 / num_images) / num_images
    return Interval(max(-1.0, gained / num_images - margin), min(1.0, gained / num_images + margin))


def bootstrap(
    statistic: Callable[[npt.NDArray[np.int64]], float], num_images: int, *, num_draws: int = NUM_DRAWS
) -> Interval:
    """Return the interval of any figure of a set of images, from the figures of sets drawn out of it.

    It is the reflected one: as far as the drawn figures lie above the set's own, so far may that lie above the truth.

    Args:
        statistic: the figure of images by index, int64 [N], each as often as it was drawn.
        num_images: the size of the set, at least 1.
        num_draws: sets.
    """
    rng = np.random.default_rng(0)
    figures = [statistic(rng.integers(num_images, size=num_images)) for _ in range(num_draws)]
    low, high = np.quantile(figures, (0.025, 0.975))
    twice = 2 * statistic(np.arange(num_images))
    return Interval(float(twice - high), float(twice - low))


def in_words(num_right: int, num_images: int, image: str = "test image", within: str = "") -> str:
    """Say an accuracy with its interval: "94.2 % of 375 test images (91.3 to 96.2)", or "not measured" of none.

    Args:
        num_right: images classified right.
        num_images: all images.
        image: one of them, in words.
        within: what they were measured in, said after them.
    """
    if not num_images:
        return f"not measured: no {image}s"
    decimals = 1 if num_images < 1000 else 2
    interval = wilson(num_right, num_images).in_percent(decimals)
    return f"{100 * num_right / num_images:.{decimals}f} % of {how_many(num_images, image)}{within} ({interval})"


def in_points(num_broken: int, num_fixed: int, num_images: int) -> str:
    """Say the difference of two accuracies on the same images with its interval: "+1.5 points (-0.2 to +3.1)"."""
    low, high = (100 * end for end in paired(num_broken, num_fixed, num_images))
    return f"{100 * (num_fixed - num_broken) / num_images:+.1f} points ({low:+.1f} to {high:+.1f})"


def what_they_tell(num_broken: int, num_fixed: int, num_images: int) -> str:
    """Say what images tell of the second of two models: "it is better", "it is worse", or that they are too few."""
    low, high = paired(num_broken, num_fixed, num_images)
    if low <= 0 <= high:
        return "these are too few images to tell which is better"
    return "it is better" if low > 0 else "it is worse"
