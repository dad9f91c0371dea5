"""A heat map has the colours of its numbers, and lies where the model looked."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from models.explanation.heat_map import MAX_SIDE_PX, heat_map, hottest
from models.explanation.place import Place
from models.pixels.fitting import Box
from models.pixels.spec import PixelSpec

SPEC = PixelSpec(8, 8)
WHOLE = Place(8, 8, Box(0, 0, 8, 8))


def painted(class_map, place=WHOLE, spec=SPEC):
    png = heat_map(np.float32(class_map), place, spec)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def test_least_is_blue_and_most_is_red():
    pixels = painted([[-3.0, 5.0]] * 2)
    assert pixels.shape == (8, 8, 4)
    assert pixels[0, 0].tolist() == [0, 0, 128, 63]
    assert pixels[0, -1].tolist() == [128, 0, 0, 165]


def test_picture_outside_of_the_part_that_the_model_saw_is_transparent():
    pixels = painted([[1.0, 2.0]] * 2, Place(16, 8, Box(4, 0, 12, 8)))
    assert pixels.shape == (8, 16, 4)
    assert (pixels[:, :4, 3] == 0).all()
    assert (pixels[:, 12:, 3] == 0).all()
    assert (pixels[:, 4:12, 3] > 0).all()


def test_map_that_is_the_same_everywhere_can_be_painted():
    assert len(np.unique(painted([[2.0, 2.0], [2.0, 2.0]]).reshape(-1, 4), axis=0)) == 1


@pytest.mark.parametrize("size", [(65_535, 1), (1, 65_535), (40_000, 20)])
def test_heat_map_of_a_strip_is_no_larger_than_its_limit(size):
    width, height = size
    side = min(size)
    box = Box((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
    assert max(painted([[1.0, 2.0]], Place(width, height, box)).shape) <= MAX_SIDE_PX


def test_hottest_pixels_are_a_fraction_where_the_map_is_highest():
    marked = hottest(np.float32([[0, 0], [0, 9]]), PixelSpec(10, 10), 0.2)
    assert marked.sum() == 20
    assert marked[5:, 5:].sum() == 20
