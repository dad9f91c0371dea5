"""Converts every kind of picture that Pillow decodes to eight bits: grayscale, or RGB on white."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.pixels.formats.encoded import Samples

# Where float samples have white: at 1 by convention, at 255 or 65535 where integers were stored as floats.
_FLOAT_WHITES = (1.0, 255.0, 65535.0)
_BAND_PIXELS = 1024**2


def to_eight_bits(image: Image.Image, samples: Samples) -> Image.Image:
    """Convert a loaded picture to mode "L" or "RGB".

    Transparent pixels are composed onto white. 16- and 32-bit samples keep their high bits, of signed ones the negative
    are black. Float samples run from 0 to the first of 1, 255, 65535 and the largest one that none exceeds. CMYK is
    converted without profiles, and colour profiles of other pictures are ignored too: all is taken for sRGB.
    """
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return _from_integers(image, samples)
    if image.mode == "F":
        return _from_floats(image, samples)
    if image.mode == "La":  # Pillow knows no way from it to RGBA
        image = image.convert("LA")
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        if image.format == "BMP" and image.getchannel("A").getextrema() == (0, 0):
            return image.convert("RGB")  # a bitmap whose fourth byte was never filled in, not an invisible one
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image)
        return white
    return image.convert("L" if image.mode == "1" else "RGB")


def _from_integers(image: Image.Image, samples: Samples) -> Image.Image:
    mode_bits = 32 if image.mode == "I" else 16
    bits = samples.bits if 8 < samples.bits < mode_bits else mode_bits

    def to_gray(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        if mode_bits == 32:
            values = values.clip(min=0) if samples.is_signed else values.view(np.uint32)
        gray: npt.NDArray[np.uint8] = (values >> (bits - samples.is_signed - 8)).astype(np.uint8)
        if "transparency" in image.info:
            gray[values == image.info["transparency"]] = 255
        return gray

    return _gray_picture(image, samples, to_gray)


def _from_floats(image: Image.Image, samples: Samples) -> Image.Image:
    def finite(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        known: npt.NDArray[Any] = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        return known

    peak = max(float(finite(band).max()) for band in _bands(image))
    white = next((white for white in _FLOAT_WHITES if peak <= white), peak)
    return _gray_picture(image, samples, lambda band: (finite(band).clip(min=0) * (255 / white) + 0.5).astype(np.uint8))


def _gray_picture(
    image: Image.Image, samples: Samples, to_gray: Callable[[npt.NDArray[Any]], npt.NDArray[np.uint8]]
) -> Image.Image:
    gray = np.empty((image.height, image.width), np.uint8)
    row = 0
    for band in _bands(image):
        gray[row : row + len(band)] = to_gray(band)
        row += len(band)
    return Image.fromarray(255 - gray if samples.is_white_zero else gray)


def _bands(image: Image.Image) -> Iterator[npt.NDArray[Any]]:
    """Yield the picture's samples some rows at a time: arrays of all of them would be several times its size."""
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))
