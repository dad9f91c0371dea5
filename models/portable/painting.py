"""`python -m models.portable.painting FOLDER`: paint the golden pictures, each hard for some way of reading it.

They are painted and not photographed: nobody's rights, nobody's photos. PNG pixels come out alike everywhere; how a
JPEG's do depends on the library that packs it, so the files themselves are kept, in `models/portable/pictures`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Colors = npt.NDArray[np.float64]
_TURNED, _ORIENTATION = 6, 0x0112  # EXIF: the right side of what is stored is the upper one


def flower(width: int, height: int, *, petals: int, seed: int) -> Colors:
    """Paint a flower on a meadow, float [height, width, 3], 0 to 255; no side is like another."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / min(width, height)
    across, down = x - 0.42 * width / min(width, height), y - 0.45 * height / min(width, height)
    distance, angle = np.hypot(across, down), np.arctan2(down, across)
    waves = sum(np.sin(3 * k * x + 5 * random.random() + 2 * k * y * random.normal()) / k for k in range(1, 7))
    picture = np.stack([70 + 22 * waves, 125 + 30 * waves - 40 * y, 45 + 12 * waves + 30 * x], axis=-1)
    rim = 0.30 + 0.09 * np.cos(petals * angle)
    light = 1 - 0.6 * np.abs(np.sin(petals * angle / 2)) * distance / 0.4
    petal = np.array([[235, 205, 40], [225, 60, 90], [240, 240, 235]][seed % 3])
    picture = np.where((distance < rim)[..., None], light[..., None] * petal, picture)
    heart = np.array([120, 70, 20]) * (1 + 0.3 * np.sin(60 * x) * np.sin(60 * y))[..., None]
    picture = np.where((distance < 0.12)[..., None], heart, picture)
    return np.asarray(picture.clip(0, 255), np.float64)


def stripes(side: int) -> Colors:
    """Paint rings that become ever finer, which a scaling that is not antialiased turns into other rings."""
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    rings = 127 + 127 * np.sin(0.8 * side * (x * x + y * y) * 2)
    return np.stack([rings, np.roll(rings, side // 7, axis=0), 255 - rings], axis=-1)


def blocks(width: int, height: int) -> Colors:
    """Paint blocks of pure colors, red to the left and blue to the right."""
    picture = np.zeros((height, width, 3))
    for index, color in enumerate([(230, 30, 20), (250, 140, 30), (240, 230, 60), (30, 150, 60), (20, 40, 220)]):
        picture[index * height // 9 :, index * width // 5 : (index + 1) * width // 5] = color
    return picture


def _picture(colors: Colors) -> Image.Image:
    return Image.fromarray(np.rint(colors).astype(np.uint8))


def transparent(colors: Colors) -> Image.Image:
    """Fade to transparent at the edges, over colors that are not to be seen."""
    height, width, _ = colors.shape
    y, x = np.mgrid[0:height, 0:width]
    edge = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y))
    alpha = (edge * 4).clip(0, 255)
    hidden = np.where((alpha == 0)[..., None], (200, 0, 200), colors)
    return Image.fromarray(np.dstack([hidden, alpha]).astype(np.uint8))


def turned(colors: Colors, file: Path) -> None:
    """Save a picture lying, with an orientation that says so."""
    exif = Image.Exif()
    exif[_ORIENTATION] = _TURNED
    stored = _picture(colors).transpose(Image.Transpose.ROTATE_90)
    stored.save(file, quality=70, exif=exif)


def palette(colors: Colors) -> Image.Image:
    """Reduce to 32 colors, one of which is transparent."""
    reduced = _picture(colors).quantize(32, dither=Image.Dither.NONE)
    reduced.info["transparency"] = reduced.getpixel((0, 0))
    return reduced


# By the name of the file.
PAINTED: dict[str, Callable[[Path], None]] = {
    "landscape.jpg": lambda file: _picture(flower(640, 427, petals=9, seed=0)).save(file, quality=70),
    "turned.jpg": lambda file: turned(flower(360, 540, petals=5, seed=1), file),
    "progressive.jpg": lambda file: _picture(flower(500, 500, petals=13, seed=2)).save(
        file, quality=50, progressive=True, subsampling=0
    ),
    "gray.jpg": lambda file: _picture(flower(420, 300, petals=6, seed=3)).convert("L").save(file, quality=70),
    "alpha.png": lambda file: transparent(np.rint(flower(200, 150, petals=7, seed=4) / 8) * 8).save(
        file, optimize=True
    ),
    "palette.png": lambda file: palette(flower(240, 240, petals=4, seed=5)).save(file, optimize=True),
    "panorama.png": lambda file: _picture(blocks(900, 160)).save(file, optimize=True),
    "tall.png": lambda file: _picture(blocks(120, 700)).save(file, optimize=True),
    "small.png": lambda file: _picture(flower(30, 24, petals=8, seed=6)).save(file, optimize=True),
    "rings.png": lambda file: _picture(stripes(240)).quantize(32, dither=Image.Dither.NONE).save(file, optimize=True),
}


def main(folder: Path) -> None:
    """Paint them all into a folder."""
    folder.mkdir(exist_ok=True)
    for name, paint in PAINTED.items():
        paint(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
