"""95 % intervals of fractions: what they might have been, had the images been others of the same kind."""

from __future__ import annotations

import math
from typing import NamedTuple

Z = 1.96  # of a normal distribution, 95 % lies within so many standard deviations


class Interval(NamedTuple):
    """The two ends of a 95 % interval."""

    low: float
    high: float

    def to_list(self) -> list[float]:
        """Return the JSON form, with six decimals."""
        return [round(self.low, 6), round(self.high, 6)]

    def in_percent(self, decimals: int = 1) -> str:
        """Say the ends of a fraction's interval, such as "91.3 to 96.2"."""
        return f"{100 * self.low:.{decimals}f} to {100 * self.high:.{decimals}f}"


def wilson(num_right: int, num_images: int) -> Interval:
    """Return the interval of an accuracy, both ends in [0, 1]; all of [0, 1] where there is no image.

    Wilson's (1927): right for few images and for accuracies near 1, unlike the accuracy plus and minus 1.96 standard
    errors, which is of width 0 where all images are right.
    """
    if not num_images:
        return Interval(0.0, 1.0)
    fraction, spread = num_right / num_images, Z**2 / num_images
    centre = (fraction + spread / 2) / (1 + spread)
    margin = math.sqrt(fraction * (1 - fraction) * spread + spread**2 / 4) / (1 + spread)
    return Interval(max(0.0, centre - margin), min(1.0, centre + margin))
