"""Photo-like JPEGs made from nothing: noise at all scales, as coarse and as fine as a camera's."""

from __future__ import annotations

import functools
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NUM_PHOTOS = 16
PHOTO_SIZE = (500, 375)  # that of ImageNet's photos
LARGE_SIZE = (4000, 3000)  # 12 megapixels, that of a telephone's
QUALITY = 90
COARSEST_PX = 2  # of the coarsest layer of noise, blown up to the whole picture
CHROMA_LAYERS = 4  # colours change slowly in photos, brightness does at every scale
DETAILS = (0.55, 0.6, 0.65, 0.7)  # contrast of a layer over that of the one twice as coarse
CONTRAST, COLOURFULNESS = 45.0, 20.0  # standard deviations, in levels
GRAIN = 4.0  # of the sensor, in levels of brightness; with it a photo has 30 to 60 KB, as real ones of that size have


@functools.cache
def photos() -> tuple[bytes, ...]:
    """The 16 photos of 500 x 375 pixels, the same on every machine with this version of Pillow."""
    return tuple(photo_like(PHOTO_SIZE, seed) for seed in range(NUM_PHOTOS))


@functools.cache
def large_photo() -> bytes:
    """One photo of 12 megapixels."""
    return photo_like(LARGE_SIZE, NUM_PHOTOS)


def photo_like(size: tuple[int, int], seed: int) -> bytes:
    """Encode one picture of `size` (width, height)."""
    rng = np.random.default_rng(seed)
    detail = DETAILS[seed % len(DETAILS)]
    brightness = 128 + CONTRAST * _noise(rng, size, detail) + GRAIN * rng.standard_normal(size[::-1], np.float32)
    colours = [COLOURFULNESS * _noise(rng, size, detail, num_layers=CHROMA_LAYERS) for _ in range(3)]
    pixels = np.stack([np.clip(brightness + colour, 0, 255) for colour in colours], axis=-1).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _noise(
    rng: np.random.Generator, size: tuple[int, int], detail: float, *, num_layers: int | None = None
) -> NDArray[np.float32]:
    """Sum layers of noise from `COARSEST_PX` to the size of pixels; standard deviation 1."""
    total: NDArray[np.float32] = np.zeros(size[::-1], np.float32)
    side, contrast, layer = COARSEST_PX, 1.0, 0
    while side < max(size) and (num_layers is None or layer < num_layers):
        grain = rng.standard_normal((side, side)).astype(np.float32)
        total += contrast * np.asarray(Image.fromarray(grain).resize(size, Image.Resampling.BICUBIC))
        side, contrast, layer = side * 2, contrast * detail, layer + 1
    normal: NDArray[np.float32] = (total - total.mean()) / total.std()
    return normal
