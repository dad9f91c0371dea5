"""Finds where in a picture, as people look at it, the pixels of a model came from."""

from __future__ import annotations

import struct
from typing import NamedTuple

from models.pixels.fitting import FIRST_SIDEWAYS, Box, source_box
from models.pixels.formats import webp
from models.pixels.formats.encoded import EncodedImage
from models.pixels.formats.heif_items import Items
from models.pixels.formats.heif_pictures import meta_box
from models.pixels.spec import PixelSpec


class Place(NamedTuple):
    """An upright picture, and the part of it that a model saw, in its pixels.

    Attributes:
        width_px, height_px: of the picture.
        box: the part.
    """

    width_px: int
    height_px: int
    box: Box


def place_of(encoded: EncodedImage, spec: PixelSpec) -> Place:
    """Say where a model looks in an image; nothing is decoded.

    The part is centred, so it is the same whether it is cut out before the picture is turned, as it is done, or after.
    """
    size = upright_size(encoded)
    return Place(*size, source_box(size, (spec.width_px, spec.height_px), spec))


def upright_size(encoded: EncodedImage) -> tuple[int, int]:
    """Return width and height of an image as it is looked at."""
    size, orientation = encoded.size, encoded.orientation
    if encoded.format in ("AVIF", "HEIC"):
        return _heif_size(encoded)
    if encoded.format == "WEBP":
        orientation = webp.orientation_of(encoded.data)
    return size[::-1] if (orientation or 1) >= FIRST_SIDEWAYS else size


def _heif_size(encoded: EncodedImage) -> tuple[int, int]:
    """Apply what a HEIF file says of cutting and turning (ISO 14496-12, 12.1.4; ISO 23008-12, 6.5.10)."""
    items = Items(encoded.data, meta_box(encoded.data, encoded.format))
    size = encoded.size
    clean = items.property(items.primary, b"clap")
    if encoded.format == "HEIC" and len(clean) >= 16:  # Pillow does not cut AVIF
        width, width_divisor, height, height_divisor = struct.unpack_from(">4I", clean)
        size = (width // max(1, width_divisor) or 1, height // max(1, height_divisor) or 1)
    quarters = items.property(items.primary, b"irot")[:1]
    return size[::-1] if quarters and quarters[0] & 1 else size
