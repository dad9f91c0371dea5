"""Scales, cuts and turns a picture to what a `PixelSpec` asks for."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from PIL import Image

from models.pixels.colors import to_eight_bits
from models.pixels.formats import jpeg
from models.pixels.formats.encoded import Cost, EncodedImage, Samples
from models.pixels.spec import PixelSpec

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
# The turn that makes a picture of each EXIF orientation upright; from 5 on, width and height change places.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
FIRST_SIDEWAYS = 5
_COPIES, _FITTED_PIXEL_BYTES = 2, 8  # of the encoded bytes, and of a pixel of the spec, while decoding


class Box(NamedTuple):
    """A part of a picture, in its pixels."""

    left: float
    top: float
    right: float
    bottom: float


def fit_picture(image: Image.Image, spec: PixelSpec, *, orientation: int, samples: Samples) -> Image.Image:
    """Decode an opened image and fit it.

    Returns:
        A picture of mode "RGB" and the size of the spec.
    """
    target = _target(spec, orientation)
    box = source_box(image.size, target, spec)
    image.load()
    return _fit(to_eight_bits(image, samples), box, target, spec, orientation)


def fit_jpeg(encoded: EncodedImage, spec: PixelSpec) -> Image.Image:
    """Decode a JPEG at the least size that still covers the spec, and fit it as `fit_picture` does."""
    orientation = encoded.orientation or 1
    target, box, reduction = _reduced(encoded.size, spec, orientation, encoded.is_lossless)
    return _fit(to_eight_bits(jpeg.decode(encoded, reduction), encoded.samples), box, target, spec, orientation)


def cost_of(encoded: EncodedImage, spec: PixelSpec) -> Cost:
    """Estimate what decoding and fitting an image takes."""
    cpu_s, memory_bytes = encoded.cost.cpu_s, encoded.cost.memory_bytes
    if encoded.format == "JPEG":
        _, _, reduction = _reduced(encoded.size, spec, encoded.orientation or 1, encoded.is_lossless)
        width, height = encoded.size
        width, height = -(-width // reduction), -(-height // reduction)
        cpu_s += width * height * jpeg.NS_AN_OUTPUT_PIXEL / 1e9
        memory_bytes += width * height * jpeg.OUTPUT_PIXEL_BYTES
    return Cost(
        cpu_s, memory_bytes + _COPIES * len(encoded.data) + _FITTED_PIXEL_BYTES * spec.width_px * spec.height_px
    )


@lru_cache(maxsize=64)  # asked of each photo twice, and most photos of a camera have one size
def _reduced(
    size: tuple[int, int], spec: PixelSpec, orientation: int, is_lossless: bool
) -> tuple[tuple[int, int], Box, int]:
    """Tell what a JPEG is scaled to, from which part of it, and by how much it has shrunk in decoding by then."""
    target = _target(spec, orientation)
    box = source_box(size, target, spec)
    reduction = 1 if is_lossless else jpeg_reduction(box, target)
    left, top, right, bottom = box
    return target, Box(left / reduction, top / reduction, right / reduction, bottom / reduction), reduction


def _target(spec: PixelSpec, orientation: int) -> tuple[int, int]:
    """Give the spec's width and height, swapped where the picture is to be turned sideways."""
    return (spec.height_px, spec.width_px) if orientation >= FIRST_SIDEWAYS else (spec.width_px, spec.height_px)


def _fit(picture: Image.Image, box: Box, target: tuple[int, int], spec: PixelSpec, orientation: int) -> Image.Image:
    """Cut and scale in one pass, on the picture as stored; turning comes last, when it is small."""
    if picture.size != target or box != (0, 0, *target):
        picture = picture.resize(target, _FILTERS[spec.resample], box=box)
    if orientation in TURNS:
        picture = picture.transpose(TURNS[orientation])
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def source_box(size: tuple[int, int], target: tuple[int, int], spec: PixelSpec) -> Box:
    """Find the part of a picture of this size that is scaled to the target; sizes are width and height."""
    width, height = size
    if spec.fit == "stretch":
        return Box(0, 0, width, height)
    scale = min(width / target[0], height / target[1]) * spec.crop_fraction
    # Rounding must not push the box over the edge.
    kept_width, kept_height = min(width, target[0] * scale), min(height, target[1] * scale)
    left, top = (width - kept_width) / 2, (height - kept_height) / 2
    return Box(left, top, min(width, left + kept_width), min(height, top + kept_height))


def jpeg_reduction(box: Box, target: tuple[int, int]) -> int:
    """Choose by how much a JPEG shrinks in decoding, 1, 2, 4 or 8; the box keeps the pixels of the target."""
    ratio = min((box.right - box.left) / target[0], (box.bottom - box.top) / target[1])
    return next((reduction for reduction in jpeg.REDUCTIONS if reduction <= ratio), 1)
