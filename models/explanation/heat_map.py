"""Paints a class activation map as a picture to lay over the photo that it explains."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.explanation.indexed_png import empty_lines, indexed_png, palette_chunks
from models.explanation.place import Place
from models.pixels.spec import PixelSpec

MAX_SIDE_PX = 1024
PIXELS_A_PLACE = 4  # of the map, at most: smooth when it is stretched, in a fiftieth of the pixels
_NUM_COLORS = 255  # and one that is transparent, for what the model did not see
_LEAST_ALPHA, _MOST_ALPHA = 0.25, 0.65

Floats = npt.NDArray[np.float32]


def heat_map(class_map: Floats, place: Place, spec: PixelSpec) -> bytes:
    """Paint a map from blue, its least, over green and yellow to red, its most, half transparent.

    Args:
        class_map: float32 [height, width], of the part that the model saw.
        place: of that part in the picture.
        spec: of the model, of whose pixels the part has no more.

    Returns:
        A PNG to be stretched over the upright picture, transparent where the model did not look.
    """
    rows, columns = class_map.shape
    size = (min(spec.width_px, PIXELS_A_PLACE * columns), min(spec.height_px, PIXELS_A_PLACE * rows))
    width, height, (left, top, right, bottom) = _layout(place, *size)
    lines = empty_lines(width, height)
    lines[top:bottom, 1 + left : 1 + right] = _colors_of(class_map, right - left, bottom - top)
    return indexed_png(lines, _PALETTE)


def over_picture(pixels: npt.NDArray[np.uint8], heat: bytes) -> bytes:
    """Lay a heat map over its picture, uint8 [H, W, 3], upright and whole; returns a PNG of the picture's size."""
    picture = Image.fromarray(pixels).convert("RGBA")
    with Image.open(BytesIO(heat), formats=("PNG",)) as opened:
        # As if multiplied by their alpha, so that what is transparent gives its black to no colour beside it.
        layer = opened.convert("RGBA").convert("RGBa").resize(picture.size, Image.Resampling.BILINEAR).convert("RGBA")
    picture.alpha_composite(layer)
    file = BytesIO()
    picture.convert("RGB").save(file, "PNG", compress_level=1)
    return file.getvalue()


def hottest(class_map: Floats, spec: PixelSpec, fraction: float) -> npt.NDArray[np.bool_]:
    """Mark the pixels of a model's input that a map says matter most: bool [height_px, width_px]."""
    smooth = _smooth(class_map, spec.width_px, spec.height_px)
    marked = np.zeros(smooth.size, np.bool_)
    marked[np.argsort(-smooth, axis=None, kind="stable")[: round(fraction * smooth.size)]] = True
    return marked.reshape(smooth.shape)


@lru_cache(maxsize=256)
def _layout(place: Place, part_width: int, part_height: int) -> tuple[int, int, tuple[int, int, int, int]]:
    """Choose the size of a heat map, and where in it the part lies that the model saw: left, top, right, bottom."""
    box = place.box
    x = part_width / (box.right - box.left)  # pixels of the heat map to one of the picture
    y = part_height / (box.bottom - box.top)
    limit = min(1.0, MAX_SIDE_PX / max(x * place.width_px, y * place.height_px))
    x, y = x * limit, y * limit
    width, height = max(1, round(x * place.width_px)), max(1, round(y * place.height_px))
    left, top = min(width - 1, round(x * box.left)), min(height - 1, round(y * box.top))
    right, bottom = max(left + 1, round(x * box.right)), max(top + 1, round(y * box.bottom))
    return width, height, (left, top, min(width, right), min(height, bottom))


def _colors_of(class_map: Floats, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Enlarge a map, and number its colours from 1, its least, to 255."""
    least, most = float(class_map.min()), float(class_map.max())
    scale = (_NUM_COLORS - 1) / (most - least or 1.0)
    scaled = class_map * np.float32(scale)
    scaled += np.float32(1.5 - least * scale)
    colors: npt.NDArray[np.uint8] = _smooth(scaled, width, height).astype(np.uint8)
    return colors


def _smooth(class_map: Floats, width: int, height: int) -> Floats:
    """Enlarge a map as Pillow does bilinearly, in two products, which take a tenth of its time."""
    rows, columns = class_map.shape
    return np.asarray(_stretching(rows, height) @ class_map @ _stretching(columns, width).T, np.float32)


@lru_cache(maxsize=256)
def _stretching(old: int, new: int) -> Floats:
    """Return what each place of a line of `old` is worth at each of `new`: float32 [new, old], rows sum to 1."""
    each = Image.fromarray(np.eye(old, dtype=np.float32))
    return np.asarray(each.resize((old, new), Image.Resampling.BILINEAR))


def _palette() -> bytes:
    """Make the colours of heat maps: those that are called jet, in the order of the spectrum; and their alphas."""
    level = np.linspace(0.0, 1.0, _NUM_COLORS)
    channels = [np.clip(1.5 - np.abs(4 * level - peak), 0, 1) for peak in (3, 2, 1)]
    alphas = _LEAST_ALPHA + (_MOST_ALPHA - _LEAST_ALPHA) * level
    colors = (np.stack(channels, 1) * 255).round().astype(np.uint8).tobytes()
    return palette_chunks(b"\0\0\0" + colors, b"\0" + (alphas * 255).astype(np.uint8).tobytes())


_PALETTE = _palette()
