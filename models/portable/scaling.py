"""Cuts and scales a decoded picture as programs elsewhere do by mistake."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.pixels.fitting import Box, source_box
from models.pixels.preprocessing import Pixels, PixelSpec

Place = Callable[[tuple[int, int], PixelSpec], Box]
Scale = Callable[[Image.Image, Box, tuple[int, int]], Pixels]

_USUAL_FRACTION = 0.875  # "short side to 256, centre 224"
_CUBIC = -0.5  # Catmull and Rom's, as Pillow and TensorFlow have it


def as_it_should(size: tuple[int, int], spec: PixelSpec) -> Box:
    """Return the part that the spec keeps."""
    return source_box(size, (spec.width_px, spec.height_px), spec)


def the_whole(size: tuple[int, int], spec: PixelSpec) -> Box:  # noqa: ARG001 - as the others
    """Return all of the picture, whatever its proportions."""
    return Box(0, 0, *size)


def all_of_the_centre(size: tuple[int, int], spec: PixelSpec) -> Box:
    """Return the largest centred part of the target's proportions."""
    return as_it_should(size, PixelSpec(spec.height_px, spec.width_px))


def middle_of_the_centre(size: tuple[int, int], spec: PixelSpec) -> Box:
    """Return what is kept of a short side of 256 pixels by a cut of 224."""
    return as_it_should(size, PixelSpec(spec.height_px, spec.width_px, crop_fraction=_USUAL_FRACTION))


def upper_left(size: tuple[int, int], spec: PixelSpec) -> Box:
    """Return a part as large as the centred one, from the corner on."""
    centre = all_of_the_centre(size, spec)
    return Box(0, 0, centre.right - centre.left, centre.bottom - centre.top)


def around(size: tuple[int, int], spec: PixelSpec) -> Box:
    """Return the least box of the target's proportions that holds the picture, and more."""
    scale = max(size[0] / spec.width_px, size[1] / spec.height_px)
    left, top = (size[0] - scale * spec.width_px) / 2, (size[1] - scale * spec.height_px) / 2
    return Box(left, top, size[0] - left, size[1] - top)


def antialiased(resample: Image.Resampling) -> Scale:
    """Scale by a filter that is widened where it shrinks."""

    def scale(picture: Image.Image, box: Box, target: tuple[int, int]) -> Pixels:
        if box.left >= 0 and box.top >= 0:
            return np.asarray(picture.resize(target, resample, box=box))
        return np.asarray(_cut(picture, box).resize(target, resample))

    return scale


def sampled(num_taps: int, *, centred: bool = True) -> Scale:
    """Scale without antialiasing: each pixel of the result is read at its one place in the picture.

    Args:
        num_taps: neighbours read in each direction, 1 (nearest), 2 (linear) or 4 (cubic).
        centred: whether pixels are small squares; else their upper left corners are what is scaled.
    """

    def scale(picture: Image.Image, box: Box, target: tuple[int, int]) -> Pixels:
        values = np.asarray(_cut(picture, box), np.float32)
        for axis, num_pixels in ((1, target[0]), (0, target[1])):
            values = _along(values, axis, num_pixels)
        return np.rint(values).clip(0, 255).astype(np.uint8)

    def _along(values: npt.NDArray[np.float32], axis: int, num_pixels: int) -> npt.NDArray[np.float32]:
        half = 0.5 if centred else 0.0
        places = (np.arange(num_pixels) + half) * (values.shape[axis] / num_pixels) - half
        if num_taps == 1:
            places = np.floor(places + half)
        first = np.floor(places).astype(np.intp)
        along = [1, 1, 1]
        along[axis] = num_pixels
        taps = range(1) if num_taps == 1 else range(1 - num_taps // 2, 1 + num_taps // 2)
        result = np.zeros((*values.shape[:axis], num_pixels, *values.shape[axis + 1 :]), np.float32)
        for tap in taps:
            weights = _weights(places - first - tap, num_taps).reshape(along)
            result += values.take((first + tap).clip(0, values.shape[axis] - 1), axis) * weights
        return result

    return scale


def _weights(distances: npt.NDArray[np.float64], num_taps: int) -> npt.NDArray[np.float32]:
    """Weigh neighbours by how far they are from the place that is read."""
    far = np.abs(distances)
    if num_taps == 1:
        return np.ones_like(far, np.float32)
    if num_taps == 2:
        return (1 - far).astype(np.float32)
    near = ((_CUBIC + 2) * far - (_CUBIC + 3)) * far**2 + 1
    farther = _CUBIC * (((far - 5) * far + 8) * far - 4)
    return np.where(far <= 1, near, farther).astype(np.float32)


def _cut(picture: Image.Image, box: Box) -> Image.Image:
    """Cut a part out, at whole pixels; black where there is no picture."""
    left, top = math.floor(box.left), math.floor(box.top)
    width, height = max(1, round(box.right - box.left)), max(1, round(box.bottom - box.top))
    return picture.crop((left, top, left + width, top + height))
