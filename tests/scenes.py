"""Pictures of coloured spots: like photos, each unlike the others, and still the same when saved or scaled again."""

import io

import numpy as np
from PIL import Image


def scene(seed: int, *, px: int = 120) -> Image.Image:
    """Twenty coloured spots, large and small."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:px, 0:px] / px
    pixels = np.tile(rng.uniform(60, 200, 3), (px, px, 1))
    for _ in range(20):
        row, column, radius = *rng.uniform(0, 1, 2), rng.uniform(0.05, 0.3)
        spot = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / radius**2)[..., None]
        pixels += spot * rng.uniform(-120, 120, 3)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()
