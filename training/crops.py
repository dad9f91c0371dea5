"""Cut random parts out of whole photos, scaled with antialiasing as what is served is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.pixels.fitting import Box, source_box
from models.pixels.preprocessing import PixelSpec, preprocess
from models.pixels.spec import MAX_TARGET_PX
from training.dataset import Pixels
from training.photo import upright_size
from training.pixel_store import PixelStore

Indices = npt.NDArray[np.integer[Any]]

MAX_STORED_ASPECT = 2.0  # of a longer picture the middle is kept
MAX_ASPECT = 4 / 3  # of a crop, and 3/4


def decode_whole(photo: bytes, short_px: int) -> Pixels:
    """Decode a whole photo, uint8 [H, W, 3], its short side scaled down to `short_px` if it is longer."""
    width, height = upright_size(photo)
    scale = min(1.0, short_px / min(width, height))
    longest = min(MAX_TARGET_PX, round(MAX_STORED_ASPECT * scale * min(width, height)))
    height, width = (max(1, min(longest, round(scale * side))) for side in (height, width))
    # What is scaled twice loses detail twice: bicubic keeps the more of it, as `benchmarks.crops` measures.
    return preprocess(photo, PixelSpec(height, width, resample="bicubic"))


def random_boxes(sizes: npt.NDArray[np.int32], min_area: float, rng: np.random.Generator) -> list[Box]:
    """Draw a part of each photo, with an area of `min_area` to 1 and an aspect ratio of 3/4 to 4/3, where it fits.

    arXiv:1409.4842, section 6. `sizes` is int [N, 2], height and width of each photo.
    """
    areas, aspects, downs, acrosses = rng.random((4, len(sizes)))
    boxes = []
    for (height, width), area, aspect, down, across in zip(
        sizes.tolist(), areas, aspects, downs, acrosses, strict=True
    ):
        ratio = math.exp((2 * aspect - 1) * math.log(MAX_ASPECT))  # of width to height
        box_height = math.sqrt((min_area + (1 - min_area) * area) * height * width / ratio)
        box_height = min(box_height, height, width / ratio)
        box_width = box_height * ratio
        # Rounding must not push the box over an edge.
        left, top = across * max(0.0, width - box_width), down * max(0.0, height - box_height)
        boxes.append(Box(left, top, min(width, left + box_width), min(height, top + box_height)))
    return boxes


def sizes_of(images: PixelStore | Pixels, indices: Indices) -> npt.NDArray[np.int32]:
    """Return height and width of some images, int32 [M, 2]."""
    if isinstance(images, PixelStore):
        return images.sizes[indices]
    return np.broadcast_to(np.array(images.shape[1:3], np.int32), (len(indices), 2))


def cut(images: PixelStore | Pixels, index: int, box: Box, size_px: int) -> Pixels:
    """Scale a part of one image to uint8 [size_px, size_px, 3]; of a store, no other rows are read."""
    top, bottom = math.floor(box.top), math.ceil(box.bottom)
    rows = images.rows(index, top, bottom) if isinstance(images, PixelStore) else images[index, top:bottom]
    part = (box.left, box.top - top, box.right, min(box.bottom - top, len(rows)))
    picture = Image.fromarray(rows)
    return np.asarray(picture.resize((size_px, size_px), Image.Resampling.BILINEAR, box=part))


def as_served(images: PixelStore | Pixels, indices: Indices, spec: PixelSpec) -> Pixels:
    """Return of some images the part that is served, uint8 [M, spec.height_px, spec.width_px, 3]."""
    target = (spec.width_px, spec.height_px)
    sizes = sizes_of(images, indices).tolist()
    boxes = [source_box((width, height), target, spec) for height, width in sizes]
    return np.stack([cut(images, index, box, spec.height_px) for index, box in zip(indices, boxes, strict=True)])
