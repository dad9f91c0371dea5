"""The place of a map is found in the picture as people look at it, whatever turned it, by the header alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from models.explanation.place import place_of
from models.pixels.formats import read_encoded
from models.pixels.preprocessing import PixelSpec, preprocess

CROP = PixelSpec(20, 20, crop_fraction=0.5)
SIDEWAYS = (5, 6, 7, 8)


def encoded_as(image_format, size, orientation=None):
    file = io.BytesIO()
    options = {} if orientation is None else {"exif": exif_of(orientation)}
    Image.new("RGB", size).save(file, image_format, **options)
    return file.getvalue()


def exif_of(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    return exif.tobytes()


def place_in(upload, image_format, spec=CROP):
    return place_of(read_encoded(upload, image_format), spec)


def test_part_is_in_the_middle_of_the_picture():
    assert place_in(encoded_as("PNG", (100, 60)), "PNG") == (100, 60, (35, 15, 65, 45))


def test_part_of_a_stretched_picture_is_all_of_it():
    assert place_in(encoded_as("PNG", (100, 60)), "PNG", PixelSpec(20, 30, fit="stretch")).box == (0, 0, 100, 60)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_picture_that_exif_turns_is_upright(image_format, orientation):
    size = (60, 100) if orientation in SIDEWAYS else (100, 60)
    found = place_in(encoded_as(image_format, (100, 60), orientation), image_format)
    assert (found.width_px, found.height_px) == size


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "WEBP", "AVIF"])
def test_mark_in_the_upright_picture_is_where_the_place_says(image_format, orientation):
    width, height = (48, 96) if orientation in SIDEWAYS else (96, 48)
    upright = np.zeros((height, width, 3), np.uint8)
    upright[height // 2 - 8 : height // 2, width // 2 - 8 : width // 2] = 255
    turned = Image.fromarray(upright).transpose(INVERSE[orientation]) if orientation > 1 else Image.fromarray(upright)
    file = io.BytesIO()
    turned.save(file, image_format, quality=95, exif=exif_of(orientation))
    spec = PixelSpec(24, 24, crop_fraction=0.5)
    pixels = preprocess(file.getvalue(), spec)
    box = place_in(file.getvalue(), image_format, spec).box
    rows, columns = (np.flatnonzero((pixels[:, :, 0] > 128).any(axis=axis)) for axis in (1, 0))
    scale = (box.right - box.left) / spec.width_px
    mark = [box.left + scale * columns[0], box.top + scale * rows[0]]
    assert mark == pytest.approx([width // 2 - 8, height // 2 - 8], abs=1)


# What undoes the turn of each orientation.
INVERSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def test_heic_is_turned_by_its_own_property():
    pytest.importorskip("pillow_heif", reason="pillow-heif is not installed: requirements/heif.txt")
    from heif_files import encode

    upload = encode(Image.new("RGB", (100, 60)), exif=exif_of(6))
    found = place_in(upload, "HEIC")
    assert (found.width_px, found.height_px) == (60, 100)
